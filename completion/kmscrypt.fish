# SPDX-License-Identifier: GPL-2.0-or-later
# Completion for kmscrypt in fish; what there is comes from "kmscrypt commands".

function __kmscrypt_kind
    switch $argv[1]
        case ENTRY
            kmscrypt commands entries 2>/dev/null
        case NAME
            kmscrypt commands volumes 2>/dev/null
        case 'DEV|NAME'
            __fish_complete_path (commandline -ct)
            kmscrypt commands volumes 2>/dev/null
        case FILE 'PATH*' '[PATH*' 'DEV*' '[DEV*' 'UUID|DEV'
            __fish_complete_path (commandline -ct)
        case '*|*'
            string split '|' -- $argv[1]
    end
end

function __kmscrypt_complete
    set -l tokens (commandline -opc)
    set -l typed
    for word in $tokens[2..-1]
        string match -q -- '-*' $word; and break
        set typed $typed $word
    end
    set -l typed (string join ' ' -- $typed)
    set -l best
    set -l next
    for row in (kmscrypt commands 2>/dev/null)
        set -l fields (string split \t -- $row)
        if string match -q -- "$fields[1] *" "$typed "
            if test -z "$best[1]"; or test (string length -- $fields[1]) -gt (string length -- $best[1])
                set best $fields
            end
        end
        if test -z "$typed"; or string match -q -- "$typed *" $fields[1]
            set -l rest (string sub -s (math 1 + (string length -- "$typed")) -- $fields[1])
            set next $next (string split ' ' -- (string trim -- $rest))[1]
        end
    end
    for option in (string split -n ' ' -- $best[4])
        if string match -q -- "$tokens[-1]=*" $option
            __kmscrypt_kind (string replace -r '^[^=]*=' '' -- $option)
            return
        end
    end
    if string match -q -- '-*' (commandline -ct)
        for option in (string split -n ' ' -- $best[4])
            string split '=' -- $option | head -n 1
        end
        return
    end
    if set -q next[1]
        printf '%s\n' $next | sort -u
    else if test -n "$best[2]"
        __kmscrypt_kind $best[2]
    end
end

complete -c kmscrypt -f -a '(__kmscrypt_complete)'
