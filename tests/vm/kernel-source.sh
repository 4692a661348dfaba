# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # kernel.sh sets what is not set here
#
# A kernel of our own configuration from Debian's source package, sourced by
# kernel.sh, which defines name, kernels, final, suites and the log.
#
# In the cache, below kernel/:
#   source/VERSION/linux-source-6.1/   the source, unpacked
#   NAME/build/                        what make made; a later run goes on here
#   NAME/{vmlinux,lib/modules}         what a machine boots
#   NAME/key                           what it was made of, written last
#
# The configuration is allnoconfig with NAME.config on top. kcsan.config holds
# only what differs from debug.config.

source_package=linux-source-6.1

# source_fragments: the files that make the configuration, the last one wins
source_fragments() {
	echo "$here/debug.config"
	[ "$name" = debug ] || echo "$here/$name.config"
}

# source_options: the lines that count
source_options() {
	local files

	mapfile -t files < <(source_fragments)
	awk '/^CONFIG_/ { split($0, part, "="); option = part[1] }
	     /^# CONFIG_.* is not set$/ { option = $2 }
	     !option { next }
	     { line[option] = $0; option = "" }
	     END { for (option in line) print line[option] }' "${files[@]}" |
		LC_ALL=C sort
}

# source_key VERSION: changes whenever the kernel must be built again
source_key() {
	echo "$source_package $1 $(source_options | sha256sum | cut -c1-32)"
}

# source_current: is the kernel in the cache made of today's fragment?
source_current() {
	local version

	version=$(cut -d' ' -f2 "$final/key" 2>/dev/null) || return
	[ "$(cat "$final/key")" = "$(source_key "$version")" ]
}

# source_unpacked: the versions whose source is in the cache, the newest last
source_unpacked() {
	find "$kernels/source" -mindepth 2 -maxdepth 2 -name complete \
		-printf '%h\n' | sed 's|.*/||' | sort -V
}

# source_fetch: have the newest source that Debian's mirror has, as $version;
# after the first time without a look at the mirror, unless told to
source_fetch() {
	local apt=$final/apt dir lock

	mkdir -p "$kernels/source"
	exec {lock}>"$kernels/source/.lock"
	flock --wait 1800 "$lock"
	version=$(source_unpacked | tail -n 1)
	if [ -z "$version" ] || $refresh; then
		rm -rf "$apt"
		debian_init "$apt" "${suites[@]}"
		version=$(debian_apt --simulate --no-install-recommends \
			install "$source_package" |
			sed -n "s/^Inst $source_package (\([^ ]*\) .*/\1/p")
		[ -n "$version" ]
	fi
	dir=$kernels/source/$version
	if [ ! -e "$dir/complete" ]; then
		rm -rf "$dir"
		debian_unpack "$dir" "$source_package=$version"
		tar -C "$dir" -xf "$dir/usr/src/$source_package.tar.xz"
		rm -r "${dir:?}/usr"
		: >"$dir/complete"
	fi
	rm -rf "$apt"
	exec {lock}>&-
}

# source_make ARGUMENT...: nothing of the caller's environment, least of all
# the flags of a make that started us. Others want the processors too.
# The entry point that QEMU uses (arch/x86/platform/pvh/enlighten.c) runs before
# there is memory for the sanitizers, and calls memcmp() (lib/string.c); 6.1
# does not tell them.
source_make() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C \
		KBUILD_BUILD_USER=kmscrypt KBUILD_BUILD_HOST=kmscrypt \
		nice -n 19 make -C "$source" O="$build" -j"$(nproc)" \
		{KASAN,KCSAN}_SANITIZE_{enlighten,string}.o=n "$@"
}

# Options that depend on what is off are dropped by kconfig without a word,
# and so are values out of range: name each.
source_check() {
	local line option status=0

	while read -r line; do
		! grep -qxF -e "$line" "$build/.config" || continue
		option=$(grep -oE -m 1 'CONFIG_[A-Za-z0-9_]+' <<<"$line")
		# off because it cannot be on
		[[ $line = CONFIG_* ]] ||
			grep -q "^$option=" "$build/.config" || continue
		echo "$name.config: $option: wanted '$line', got '$(
			grep -E "^(# )?${option}[= ]" "$build/.config" ||
				echo nothing
		)'" >&2
		status=1
	done < <(source_options)
	return $status
}

source_configure() {
	source_options >"$final/fragment"
	[ -s "$final/fragment" ]
	source_make KCONFIG_ALLCONFIG="$final/fragment" allnoconfig
	source_check
}

source_install() {
	local release=$1

	rm -rf "${final:?}/lib"
	source_make INSTALL_MOD_PATH="$final" INSTALL_MOD_STRIP=1 \
		modules_install
	# they point to where the source and the build were
	rm -f "$final/lib/modules/$release"/{build,source}
	objcopy -S "$build/vmlinux" "$final/vmlinux"
}

# source_build: what the packages of kernel.sh's other names contain
source_build() {
	local version release source build=$final/build

	rm -f "$final/key" "$final/record"
	! $refresh || rm -rf "$build"
	mkdir -p "$build"
	source_fetch
	source=$kernels/source/$version/$source_package

	source_configure
	source_make vmlinux modules
	release=$(cat "$build/include/config/kernel.release")
	source_install "$release"
	{
		echo "name=$name"
		echo "release=$release"
		echo "vmlinux=$final/vmlinux"
		echo "root=$final"
		echo "tree="
		echo "kdir=$build"
		echo "slow=5"
	} >"$final/record"
	source_key "$version" >"$final/key"
}
