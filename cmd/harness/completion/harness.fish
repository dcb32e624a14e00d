# Completion of harness in fish. Load it with: harness completion fish | source
function __harness_complete
    set -l words (commandline -opc)
    set -l lines ($words[1] complete-line $words[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $lines) -gt 0
        printf '%s\n' $lines
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c harness -f -a '(__harness_complete)'
