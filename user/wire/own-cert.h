/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is it our own client certificate, when a server breaks off? */
#ifndef _WIRE_OWN_CERT_H
#define _WIRE_OWN_CERT_H

#include <stdint.h>

#include <openssl/x509.h>

struct op;

/**
 * own_cert_dates() - a client certificate that was not taken: do its dates,
 * by this machine's clock, say why?
 * @cert: may be NULL
 * Return: -EACCES with words and advice, 0: they are good (or there is none).
 */
int own_cert_dates(struct op *op, const X509 *cert);

/**
 * own_cert_dates_pem() - the same for the first certificate in @pem
 *
 * A server of TLS 1.3 refuses a certificate when the client takes the handshake
 * for done (RFC 8446, 4.4.2.4), and often all that comes then is the end of the
 * connection. What else could be wrong is for the caller to know.
 */
int own_cert_dates_pem(struct op *op, const char *pem);

/** own_cert_left() - seconds that @cert is valid; < 0: expired, or unreadable */
int64_t own_cert_left(const X509 *cert);

/**
 * own_cert_left_pem() - the same for the first certificate in @pem; INT64_MAX
 * when it cannot be read, which is not for this to name
 */
int64_t own_cert_left_pem(const char *pem);

#endif
