# Completion of harness in bash. Load it with: source <(harness completion bash)
_harness() {
  local typed=${COMP_LINE:0:COMP_POINT} cur line
  local -a words
  read -ra words <<<"$typed"
  [[ $typed == *[[:space:]] ]] && words+=('')
  cur=${words[${#words[@]}-1]}
  # bash takes "=" for the end of a word and replaces only what follows it
  local kept=''
  [[ $cur == *=* ]] && kept=${cur%=*}=
  COMPREPLY=()
  while IFS= read -r line; do
    line=${line%%$'\t'*}
    COMPREPLY+=("${line#"$kept"}")
  done < <("${words[0]}" complete-line "${words[@]:1}" 2>/dev/null)
}
complete -o default -F _harness harness bin/harness ./bin/harness
