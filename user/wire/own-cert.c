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

int own_cert_dates_pem(struct op *op, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int r = own_cert_dates(op, cert);

	/* One that cannot be read is libcurl's to name. */
	ERR_clear_error();
	X509_free(cert);
	BIO_free(bio);
	return r;
}
