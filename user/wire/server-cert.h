/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a server's certificate, in words. */
#ifndef _WIRE_SERVER_CERT_H
#define _WIRE_SERVER_CERT_H

struct op;

/**
 * server_cert_refused() - record why we do not take a server's certificate
 * @why: X509_V_ERR_*
 * @name: whom the certificate is to name; NULL: an address, or not known
 * Return: -EHOSTUNREACH, with words and, where there is any, advice.
 */
int server_cert_refused(struct op *op, long why, const char *name);

#endif
