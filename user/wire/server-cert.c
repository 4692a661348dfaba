// SPDX-License-Identifier: GPL-2.0-or-later
/* See server-cert.h. */
#include "wire/server-cert.h"

#include <errno.h>

#include <openssl/x509_vfy.h>

#include "base/op.h"

int server_cert_refused(struct op *op, long why, const char *name)
{
	switch (why) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		op_next(op,
			"Check this machine's clock; if it is right, renew the server's certificate.");
		return op_fail(
			op, -EHOSTUNREACH,
			"the server's certificate has expired by this machine's clock");
	case X509_V_ERR_CERT_NOT_YET_VALID:
		op_next(op, "Check this machine's clock.");
		return op_fail(
			op, -EHOSTUNREACH,
			"the server's certificate is not valid yet by this machine's clock");
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		op_next(op,
			"Use an address that is in the certificate, or name one that is with --server-name.");
		return op_fail(
			op, -EHOSTUNREACH,
			"the server's certificate is for another name than %s",
			name ? name : "this address");
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		op_next(op, "Give the CA that signed it with --ca-cert.");
		return op_fail(
			op, -EHOSTUNREACH,
			"the server's certificate is from an unknown CA");
	default:
		return op_fail(op, -EHOSTUNREACH,
			       "the server's certificate is not good: %s",
			       X509_verify_cert_error_string(why));
	}
}
