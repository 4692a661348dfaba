// SPDX-License-Identifier: GPL-2.0-or-later
/* See error.h. The first row is the one for every errno without its own. */
#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define ROW(e, c, r, rej, msg, nxt)                              \
	{                                                        \
		.err = e, .name = #e, .code = c, .retryable = r, \
		.reject = rej, .message = msg, .next = nxt       \
	}

/* A reject of ENOKEY is "the upcall itself failed", so also the default. */
static const struct error_info table[] = {
	{ .err = 0,
	  .name = "UNKNOWN",
	  .code = EXIT_OTHER,
	  .reject = ENOKEY,
	  .message = "unexpected failure",
	  .next = "Report it with the command line and the system log." },
	ROW(EINVAL, EXIT_WRONG_USAGE, false, EKEYREJECTED,
	    "the parameters do not fit",
	    "See kmscrypt(8) for what the command takes."),
	ROW(EACCES, EXIT_DENIED, false, EACCES,
	    "the KMS refused our identity, policy or credential",
	    "Run 'kmscrypt kms check'; renew the credential or extend the "
	    "policy on the KMS, then 'kmscrypt kms set' again."),
	ROW(EPERM, EXIT_DENIED, false, EACCES, "this needs more privileges",
	    "Run it as root; if it was, raise the limit on locked memory "
	    "(ulimit -l)."),
	ROW(EHOSTUNREACH, EXIT_UNREACHABLE, true, EHOSTUNREACH,
	    "no address of the KMS could be used",
	    "Check address, network and certificates, then run 'kmscrypt kms "
	    "check'."),
	ROW(ETIMEDOUT, EXIT_UNREACHABLE, true, ETIMEDOUT,
	    "the KMS did not answer in time",
	    "Try again; if it stays, check the KMS and the network, then run "
	    "'kmscrypt kms check'."),
	ROW(ENODATA, EXIT_NOT_FOUND, false, ENODATA,
	    "no kmscrypt binding here, or no such KMS entry on this host",
	    "See 'kmscrypt kms show' and 'kmscrypt dump DEV'; add the entry "
	    "with 'kmscrypt kms set'."),
	ROW(ENOENT, EXIT_NOT_FOUND, false, ENODATA, "there is no such thing",
	    "Check the name."),
	ROW(ENODEV, EXIT_NOT_FOUND, false, ENODATA, "there is no such device",
	    "Check the name; 'kmscrypt scan' finds volumes."),
	ROW(ENXIO, EXIT_NOT_FOUND, false, ENODATA, "there is no such device",
	    "Check the name; 'kmscrypt scan' finds volumes."),
	ROW(EBUSY, EXIT_REFUSED, true, EHOSTUNREACH, "it is in use",
	    "Close what uses it and try again."),
	ROW(EAGAIN, EXIT_OTHER, true, EHOSTUNREACH,
	    "it cannot be done right now", "Try again."),
	ROW(EEXIST, EXIT_REFUSED, false, EKEYREJECTED, "it exists already",
	    "Choose another name, or remove the old one first."),
	ROW(EKEYREJECTED, EXIT_CORRUPT, false, EKEYREJECTED,
	    "the key could not be unwrapped or does not belong to this volume",
	    "Compare 'kmscrypt dump DEV' with a header backup; it may be the "
	    "wrong KMS entry, a changed header or another volume's token."),
	ROW(ESTALE, EXIT_CORRUPT, false, EKEYREJECTED,
	    "the header's binding is older than what the volume was opened "
	    "with, and has other terms",
	    "If 'kmscrypt lease' was killed, run it again; else somebody has "
	    "put back an old header: compare 'kmscrypt dump DEV' with a "
	    "backup."),
	ROW(EBADMSG, EXIT_CORRUPT, false, EBADMSG,
	    "malformed header, token or configuration",
	    "Restore the header ('cryptsetup luksHeaderRestore') or the file "
	    "that is named from a backup."),
	ROW(EPROTO, EXIT_OTHER, false, EPROTO,
	    "the KMS gave an answer that makes no sense",
	    "Check that the address is that of the KMS and not of a proxy or "
	    "another service."),
	ROW(ENOKEY, EXIT_OTHER, true, ENOKEY,
	    "the kernel could not get the key: the upcall itself failed",
	    "Check /etc/request-key.d/kmscrypt.conf, that the helper is "
	    "installed, and the system log."),
	ROW(EKEYREVOKED, EXIT_REVOKED, false, EKEYREVOKED,
	    "the KMS says that the key is destroyed, deactivated or revoked",
	    "Only the KMS's administrator can bring it back."),
	ROW(EMSGSIZE, EXIT_OTHER, false, EPROTO, "something is too large",
	    "Check the file or the address that is named."),
	ROW(EFBIG, EXIT_CORRUPT, false, EBADMSG, "a file is too large",
	    "Check the file that is named."),
	ROW(ENOSPC, EXIT_OTHER, true, ENOKEY, "no space left",
	    "Make room and run the command again."),
	ROW(EROFS, EXIT_OTHER, false, ENOKEY, "the file system is read-only",
	    "Make it writable and run the command again."),
	ROW(EIO, EXIT_OTHER, true, ENOKEY, "the device gave an I/O error",
	    "Check the device and the system log."),
	ROW(ENOMEM, EXIT_OTHER, true, ENOKEY, "out of memory",
	    "Free memory and try again; locked memory is limited by "
	    "ulimit -l."),
	ROW(EINTR, EXIT_OTHER, true, ENOKEY, "interrupted", "Run it again."),
	ROW(EOPNOTSUPP, EXIT_OTHER, false, ENOKEY,
	    "not supported by this provider, kernel or version",
	    "See kmscrypt(8) for what is."),
};

const struct error_info *error_info(int err)
{
	size_t i;

	err = abs(err);
	for (i = 1; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].err == err)
			return &table[i];
	return &table[0];
}

struct error_info error_words(int err, const char *why, const char *next)
{
	struct error_info e = *error_info(err);

	if (why && *why)
		e.message = why;
	if (next && *next)
		e.next = next;
	return e;
}
