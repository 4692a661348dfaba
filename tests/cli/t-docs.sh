#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command table against manual and completion: they say the same.
set -u
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cli_begin

TOP=$CLI_HOME/../..

# A tab is white space to read, which would swallow empty fields.
listing() { "$KMSCRYPT" commands | tr '\t' '\037'; }

# --- manual ---
compare() {
	OUT=$("$KMSCRYPT" commands --json | "$CLI_HOME/man.py" "$1")
}
ok "the manual has what the table has" compare "$TOP/man/kmscrypt.8"
sed '/^\.Op Fl -forget$/d' "$TOP/man/kmscrypt.8" >"$CLI_DIR/without.8"
ok "... and an option that is missing would be seen" not \
	compare "$CLI_DIR/without.8"
sed 's/^\.Cm list$/.Cm lists/' "$TOP/man/kmscrypt.8" >"$CLI_DIR/other.8"
ok "... and a command, too" not compare "$CLI_DIR/other.8"
for page in "$TOP"/man/*.[58]; do
	OUT=$(mandoc -Tlint -Wwarning "$page" 2>&1)
	ok "${page##*/} is clean" [ -z "$OUT" ]
done
for errno in $(sed -n 's/^ \* Reject errnos: //p; ' \
	"$TOP/include/uapi/kmscrypt.h" | grep -oE 'E[A-Z]+') EACCES EBADMSG \
	EPROTO ETIMEDOUT ENODATA ENOKEY; do
	ok "the helper's page explains $errno" \
		grep -q "^\.It Er $errno" "$TOP/man/kmscrypt-upcall.8"
done

# --- what the README says of attackers ---
# unshown FILE: lines of the table without a test, and tests that are none
unshown() {
	python3 - "$1" "$TOP/tests" <<-'PY'
		import pathlib, re, sys
		text = pathlib.Path(sys.argv[1]).read_text()
		text = text.split("\n## Threat model\n")[1].split("\n## ")[0]
		rows = [r for r in text.splitlines() if r.startswith("| ")][1:]
		if len(rows) < 15:
		    print("few rows:", len(rows))
		for row in rows:
		    shown = re.findall(r"`([^`]+)`", row.split("|")[4])
		    if not shown:
		        print("no test:", row)
		    for name, _, words in (s.partition(" ") for s in shown):
		        path = pathlib.Path(sys.argv[2], name)
		        if not path.is_file() or words not in path.read_text():
		            print("no such test:", name, words)
	PY
}
OUT=$(unshown "$TOP/README.md")
ok "each line of the threat model names a test that there is" [ -z "$OUT" ]
sed 's/t-attack-user/t-attack-nobody/' "$TOP/README.md" >"$CLI_DIR/README"
ok "... one that there is not is seen" [ -n "$(unshown "$CLI_DIR/README")" ]
sed 's/test_older_headers/test_newer_headers/' "$TOP/README.md" \
	>"$CLI_DIR/README"
ok "... and words that are not in it" [ -n "$(unshown "$CLI_DIR/README")" ]

# --- help ---
missing=0
while IFS=$'\037' read -r path _ _ options; do
	# shellcheck disable=SC2086
	k help $path
	for option in $options; do
		[[ $path =~ ^kms( create-key)?$ ]] ||
			[[ $OUT == *"${option%%=*}"* ]] ||
			missing=$((missing + 1))
	done
done < <(listing)
ok "help shows each option" [ "$missing" = 0 ]
ok "the listing is hidden" not grep -q '^  commands' <("$KMSCRYPT" help)

# --- completion in bash ---
mkdir "$CLI_DIR/bin"
ln -s "$(realpath "$KMSCRYPT")" "$CLI_DIR/bin/kmscrypt"
PATH=$CLI_DIR/bin:$PATH

# completes WORDS...: what bash would offer for the last of them, in OUT
completes() {
	OUT=$(bash -c '
		compopt() { :; }
		. "$1"
		shift
		COMP_WORDS=(kmscrypt "$@") COMP_CWORD=$#
		_kmscrypt
		printf "%s\n" "${COMPREPLY[@]}"' \
		- "$TOP/completion/kmscrypt.bash" "$@" | tr '\n' ' ')
}
# offers EXPECTED WORDS...
offers() {
	local expected=$1
	shift
	completes "$@"
	[ "$OUT" = "$expected " ]
	result $? "bash: ${*@Q} offers $expected"
}

# options_of_each COMPLETES: what it offers behind each command
options_of_each() {
	local wrong=0 path options option expected
	while IFS=$'\037' read -r path _ _ options; do
		expected=''
		for option in $options; do
			expected+="${option%%=*} "
		done
		# shellcheck disable=SC2086
		"$1" $path --
		[ "$OUT" = "$expected" ] && continue
		wrong=$((wrong + 1))
		diag "$path: $OUT"
	done < <(listing)
	[ "$wrong" = 0 ]
}
ok "bash: the options of each command" options_of_each completes
offers "local" kms set l
offers "check" kms ch
offers "table" ta
offers "256 512" format x --key-size ''
offers "512" format x --key-size 5
kmscrypt kms set local --name spare >/dev/null
offers "spare" kms check --name ''
touch "$CLI_DIR/a file"
offers "$CLI_DIR/a file" dump "$CLI_DIR/a f"
offers "$CLI_DIR/a file" kms set vault u k --token-file "$CLI_DIR/a f"
mkdir -p "$KMSCRYPT_ROOT/etc/kmscrypt/entries"
# shellcheck disable=SC2016
touch "$KMSCRYPT_ROOT/etc/kmscrypt/entries/\$(touch $$.pwned).json"
completes kms check --name ''
ok "bash: a hostile file name is not run" not [ -e "$$.pwned" ]

# --- completion elsewhere ---
ok "zsh reads its file" zsh -n "$TOP/completion/_kmscrypt"
# zsh_completes WORDS...: what zsh would offer for the last of them, in OUT; the
# functions of its completion system are ours
zsh_completes() {
	# shellcheck disable=SC2016 # for zsh
	OUT=$(zsh -f -c '
		compadd() {
			shift
			print -rl -- ${(M)@:#$PREFIX*}
		}
		_call_program() { shift; "$@" }
		_files() { print -r -- A-FILE }
		_message() { : }
		file=$1
		shift
		words=(kmscrypt "$@") CURRENT=$(($# + 1)) PREFIX=${@[-1]}
		. $file' - "$TOP/completion/_kmscrypt" "$@" 2>&1 | tr '\n' ' ')
}
zsh_offers() {
	local expected=$1
	shift
	zsh_completes "$@"
	[ "$OUT" = "$expected " ]
	result $? "zsh: ${*@Q} offers $expected"
}
ok "zsh: the options of each command" options_of_each zsh_completes
zsh_offers local kms set l
zsh_offers table ta
zsh_offers "256 512" format x --key-size ''
zsh_offers spare kms check --name s
zsh_offers A-FILE dump ''
ok "fish reads its file" fish -n "$TOP/completion/kmscrypt.fish"
fish_offers() {
	# shellcheck disable=SC2016
	OUT=$(fish -c 'source $argv[1]; complete -C $argv[2]' \
		"$TOP/completion/kmscrypt.fish" "$2" 2>&1 | cut -f1 | tr '\n' ' ')
	[ "$OUT" = "$1 " ]
	result $? "fish: '$2' offers $1"
}
fish_offers local 'kmscrypt kms set l'
fish_offers --token-file 'kmscrypt kms set vault --token-f'
fish_offers '256 512' 'kmscrypt format x --key-size '
fish_offers spare 'kmscrypt kms check --name s'
for file in kmscrypt.bash _kmscrypt kmscrypt.fish; do
	ok "$file repeats no option" not grep -qE -- '--(name|json|force|token)' \
		"$TOP/completion/$file"
done

cli_end
