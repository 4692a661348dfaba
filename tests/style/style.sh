#!/bin/bash
# The style ring (TAP). Each check prints what it found below its line.
# Usage: tests/style/style.sh [CHECK...]   (default: all; see the list below)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
here=tests/style
n=0 failed=0

mapfile -t c_files < <(git ls-files -- '*.c' '*.h')
mapfile -t kernel_files < <(git ls-files -- 'kernel/*.[ch]' 'include/*.h')
mapfile -t user_files < <(git ls-files -- 'user/*.[ch]' 'tests/*.[ch]')
mapfile -t py_files < <(git ls-files -- '*.py')
# Shell scripts by their first line, with or without an ending.
mapfile -t sh_files < <(git grep -lE '^#!(/usr)?/bin/(env )?(ba)?sh' -- . |
	xargs -r grep -lE -m1 '^#!' -- | sort -u)

check_format() {
	clang-format --dry-run -Werror "${c_files[@]}"
}

# What checkpatch knows only of kernel code is switched off for user code.
check_checkpatch() {
	local pl common user
	pl=$("$here/checkpatch.sh") || return 1
	common=FILE_PATH_CHANGES,LINUX_VERSION_CODE,SPDX_LICENSE_TAG
	user=$common,PREFER_KERNEL_TYPES,ENOSYS,NEW_TYPEDEFS,PREFER_FALLTHROUGH
	user=$user,STRCPY,STRNCPY,USE_NEGATIVE_ERRNO,CONST_STRUCT,SSCANF_TO_KSTRTO
	user=$user,PREFER_DEFINED_ATTRIBUTE_MACRO,CONSTANT_CONVERSION
	user=$user,PREFER_STRSCPY,AVOID_EXTERNS,ARRAY_SIZE,SPLIT_STRING
	user=$user,EMBEDDED_FUNCTION_NAME,STATIC_CONST_CHAR_ARRAY
	# Declarations with a cleanup attribute look like statements to it.
	user=$user,LINE_SPACING,MISSING_SPACE
	perl "$pl" --no-tree --terse --no-summary --quiet --strict \
		--ignore "$common,MACRO_ARG_REUSE,CAMELCASE" -f \
		"${kernel_files[@]}" || return 1
	perl "$pl" --no-tree --terse --no-summary --quiet \
		--ignore "$user" -f "${user_files[@]}"
}

check_sparse() {
	rm -rf build/module/sparse
	# without the flags of a make that we are run by: -s would hide the CHECKs
	MAKEFLAGS='' tests/vm/build-module.sh -v 6.1 build/module/sparse C=2 \
		>build/sparse.log 2>&1
	grep -E '(warning|error):' build/sparse.log && return 1
	grep -q 'CHECK .*kernel/crypt.c' build/sparse.log
}

check_cppcheck() {
	cppcheck --quiet --std=c11 --language=c --error-exitcode=1 \
		--enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem -Iuser -Iinclude user
}

check_shellcheck() {
	shellcheck -x "${sh_files[@]}"
}

check_codespell() {
	git ls-files -z -- ':!COPYING' ':!tests/fuzz/corpus' |
		xargs -0 codespell --ignore-words "$here/codespell-ignore.txt"
}

check_python() {
	/usr/bin/python3 - "${py_files[@]}" <<-'PY'
		import ast, sys
		for name in sys.argv[1:]:
		    with open(name, encoding="utf-8") as f:
		        ast.parse(f.read(), name)
	PY
}

check_man() {
	git ls-files -- 'man/*.[0-9]' | grep -q . || return 1
	git ls-files -z -- 'man/*.[0-9]' | xargs -0 mandoc -Tlint -Wwarning
}

check_layers() {
	/usr/bin/python3 "$here/layers.py"
}

check_sizes() {
	/usr/bin/python3 "$here/sizes.py" "${c_files[@]}"
}

# The version is looked at in one file only.
check_compat() {
	! git grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\(' -- \
		'kernel/*' ':!kernel/compat.h'
}

# What takes a trick out of the data path for the benchmark still fits it.
check_tricks() {
	local patch dir bad=0
	dir=$(mktemp -d)
	cp -r kernel "$dir"
	for patch in tests/bench/tricks/*.patch; do
		patch -s -d "$dir" -p 1 --dry-run --fuzz=0 <"$patch" || bad=1
	done
	rm -r "$dir"
	return "$bad"
}

# Every source says under which licence it is.
check_spdx() {
	local f bad=0
	for f in "${c_files[@]}"; do
		head -n 1 "$f" | grep -q SPDX-License-Identifier && continue
		echo "$f: no SPDX line"
		bad=1
	done
	return "$bad"
}

# No path of a developer's machine, no registry host, no binary, no object.
check_tree() {
	local bad=0
	git grep -nIE '(^|[^A-Za-z0-9_./])/(work|farm)/|deb[.]debian[.]org' -- . \
		':!tests/style/style.sh' && bad=1
	git ls-files | grep -E '\.(o|ko|so|a|deb|img|log|pyc)$' && bad=1
	git ls-files -z | xargs -0 file --mime-encoding -N -F: -- |
		grep -v '^tests/fuzz/corpus/' | grep ': *binary$' && bad=1
	return "$bad"
}

checks=(format checkpatch sparse cppcheck shellcheck codespell python man
	layers sizes compat tricks spdx tree)
(($#)) && checks=("$@")
mkdir -p build
echo "1..${#checks[@]}"
for name in "${checks[@]}"; do
	n=$((n + 1))
	if out=$("check_$name" 2>&1 </dev/null); then
		echo "ok $n - style: $name"
	else
		echo "not ok $n - style: $name"
		printf '%s\n' "$out" | head -n 60 | sed 's/^/# /'
		failed=1
	fi
done
exit "$failed"
