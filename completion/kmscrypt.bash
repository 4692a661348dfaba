# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion for kmscrypt in bash. What there is to complete comes from
# "kmscrypt commands" (a line a command: path, arguments, help, options, with
# tabs between), so nothing is listed here a second time.
#
# Names of entries and volumes come from files and devices: they are only ever
# compared and quoted, never evaluated.

# The longest command path that the words so far start with, and its row.
_kmscrypt_find() {
	local path arguments options
	_kmscrypt_path='' _kmscrypt_arguments='' _kmscrypt_options=''
	while IFS=$'\037' read -r path arguments _ options; do
		[[ "$1 " == "$path "* ]] || continue
		((${#path} > ${#_kmscrypt_path})) || continue
		_kmscrypt_path=$path
		_kmscrypt_arguments=$arguments
		_kmscrypt_options=$options
	# a tab is white space to read, and would swallow an empty field
	done < <(kmscrypt commands 2>/dev/null | tr '\t' '\037')
}

# The words that can follow in a path that is not yet whole.
_kmscrypt_next_words() {
	local path rest
	while IFS=$'\t' read -r path rest; do
		[[ -z $1 || $path == "$1 "* ]] || continue
		rest=${path#"$1"}
		rest=${rest# }
		printf '%s\n' "${rest%% *}"
	done < <(kmscrypt commands 2>/dev/null)
}

_kmscrypt_reply() {
	local word
	while IFS= read -r word; do
		[[ -n $word && $word == "$2"* ]] || continue
		COMPREPLY+=("$(printf '%q' "$word")")
	done <<<"$1"
}

# What an argument of that kind can be: a name that exists, a word, a file.
_kmscrypt_kind() {
	case $1 in
	ENTRY) _kmscrypt_reply "$(kmscrypt commands entries 2>/dev/null)" "$2" ;;
	NAME) _kmscrypt_reply "$(kmscrypt commands volumes 2>/dev/null)" "$2" ;;
	'DEV|NAME')
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		_kmscrypt_reply "$(kmscrypt commands volumes 2>/dev/null)" "$2"
		;;
	FILE | PATH* | '[PATH'* | DEV* | '[DEV'* | 'UUID|DEV')
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	*'|'*) _kmscrypt_reply "${1//|/$'\n'}" "$2" ;;
	esac
}

_kmscrypt() {
	local current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
	local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}") word option
	local _kmscrypt_path _kmscrypt_arguments _kmscrypt_options
	local typed=''
	COMPREPLY=()
	for word in "${words[@]}"; do
		[[ $word == -* ]] && break
		typed+=${typed:+ }$word
	done
	_kmscrypt_find "$typed"
	for option in $_kmscrypt_options; do
		[[ $option == "$previous="* ]] || continue
		_kmscrypt_kind "${option#*=}" "$current"
		return
	done
	if [[ $current == -* ]]; then
		for option in $_kmscrypt_options; do
			_kmscrypt_reply "${option%%=*}" "$current"
		done
		return
	fi
	_kmscrypt_reply "$(_kmscrypt_next_words "$typed" | sort -u)" "$current"
	((${#COMPREPLY[@]} == 0)) && [[ -n $_kmscrypt_path ]] &&
		_kmscrypt_kind "$_kmscrypt_arguments" "$current"
}

complete -F _kmscrypt kmscrypt
