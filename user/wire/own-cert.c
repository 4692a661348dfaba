// SPDX-License-Identifier: GPL-2.0-or-later
/* See own-cert.h. */
#include "wire/own-cert.h"

#include <errno.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/op.h"

int own_cert_dates(struct op *op, const X509 *cert)
{
	if (!cert)
		return 0;
	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
		op_next(op, "Check this machine's clock.");
		return op_fail(op, -EACCES,
			       "our client certificate is not valid yet by "
			       "this machine's clock");
	}
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		return op_fail(op, -EACCES,
			       "our client certificate has expired by this "
			       "machine's clock");
	return 0;
}

/* The first certificate in @pem; NULL: one that is libcurl's to name. */
static X509 *first_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	BIO_free(bio);
	return cert;
}

int own_cert_dates_pem(struct op *op, const char *pem)
{
	X509 *cert = first_cert(pem);
	int r = own_cert_dates(op, cert);

	X509_free(cert);
	return r;
}

int64_t own_cert_left(const X509 *cert)
{
	int days, seconds;

	if (!cert ||
	    !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
		return -1;
	return (int64_t)days * 86400 + seconds;
}

int64_t own_cert_left_pem(const char *pem)
{
	X509 *cert = first_cert(pem);
	int64_t left = cert ? own_cert_left(cert) : INT64_MAX;

	X509_free(cert);
	return left;
}
