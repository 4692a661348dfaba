/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that we build for: the only file that asks
 * for a version. Each entry says from when on the first branch is not needed.
 */
#ifndef _KMSC_COMPAT_H
#define _KMSC_COMPAT_H

#include <linux/crypto.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/*
 * KMSC_CRYPTO_CALLBACK(name): define the completion callback @name out of
 * "static void name_done(void *data, int err)".
 * Since 6.3 the crypto API passes the data itself.
 */
#if KERNEL_VERSION(6, 3, 0) > LINUX_VERSION_CODE
#define KMSC_CRYPTO_CALLBACK(name)                                   \
	static void name(struct crypto_async_request *areq, int err) \
	{                                                            \
		name##_done(areq->data, err);                        \
	}
#else
#define KMSC_CRYPTO_CALLBACK(name)            \
	static void name(void *data, int err) \
	{                                     \
		name##_done(data, err);       \
	}
#endif

/* Since 6.18 a workqueue says that it is bound; before, it is the default. */
#if KERNEL_VERSION(6, 18, 0) > LINUX_VERSION_CODE
#define KMSC_WQ_PERCPU 0
#else
#define KMSC_WQ_PERCPU WQ_PERCPU
#endif

#endif /* _KMSC_COMPAT_H */
