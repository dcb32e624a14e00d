#compdef harness
# Completion of harness in zsh. Load it with: source <(harness completion zsh)
_harness() {
  local line
  local -a values told
  for line in "${(@f)$("${words[1]}" complete-line "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    values+=("${line%%$'\t'*}")
    told+=("${line/$'\t'/ -- }")
  done
  if (( $#values )); then
    compadd -l -d told -a values
  else
    _files
  fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
compdef _harness harness
