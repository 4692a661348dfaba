/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kms set and kms create-key are told of a server, into a generation. */
#ifndef _CLI_KMS_OPTIONS_H
#define _CLI_KMS_OPTIONS_H

struct cli;
struct generation;

/** kms_options_vault() - URL[,URL...] KEY and the login. 0, -errno. */
int kms_options_vault(struct cli *cli, struct generation *g);

/** kms_options_kmip() - HOST:PORT[,...] [UID] and the credentials. 0, -errno. */
int kms_options_kmip(struct cli *cli, struct generation *g);

#endif
