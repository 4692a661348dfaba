// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmscrypt: device-mapper encryption whose key the kernel fetches from a key
 * management system. Start reading at include/uapi/kmscrypt.h, then target.c.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "acquire.h"
#include "crypt.h"
#include "fan.h"
#include "hold.h"
#include "keytype.h"
#include "lease.h"
#include "pool.h"
#include "table.h"
#include "target.h"

static int __init kmsc_init(void)
{
	int r;

	r = kmsc_table_selftest();
	if (r)
		return r;
	r = kmsc_pool_setup();
	if (r)
		return r;
	r = kmsc_fan_setup();
	if (r)
		goto err_pool;
	r = kmsc_crypt_setup();
	if (r)
		goto err_fan;
	r = kmsc_hold_setup();
	if (r)
		goto err_crypt;
	r = kmsc_lease_setup();
	if (r)
		goto err_hold;
	r = register_key_type(&kmsc_key_type);
	if (r)
		goto err_lease;
	r = kmsc_acquire_setup();
	if (r)
		goto err_key_type;
	r = kmsc_target_setup();
	if (r)
		goto err_acquire;
	return 0;

err_acquire:
	kmsc_acquire_cleanup();
err_key_type:
	unregister_key_type(&kmsc_key_type);
err_lease:
	kmsc_lease_cleanup();
err_hold:
	kmsc_hold_cleanup();
err_crypt:
	kmsc_crypt_cleanup();
err_fan:
	kmsc_fan_cleanup();
err_pool:
	kmsc_pool_cleanup();
	return r;
}

/*
 * No table is left, dm holds the module for each. Attempts that nobody waits
 * for any more may still run, and end in our code: they come first. Then the
 * keys layer disposes of the keys that are not collected yet.
 */
static void __exit kmsc_exit(void)
{
	kmsc_target_cleanup();
	kmsc_acquire_cleanup();
	unregister_key_type(&kmsc_key_type);
	kmsc_lease_cleanup();
	kmsc_hold_cleanup();
	kmsc_crypt_cleanup();
	kmsc_fan_cleanup();
	kmsc_pool_cleanup();
}

module_init(kmsc_init);
module_exit(kmsc_exit);

MODULE_DESCRIPTION("Device-mapper encryption with a key from a KMS");
/* so that device-mapper loads it for a table */
MODULE_ALIAS("dm-" KMSC_TARGET_NAME);
MODULE_LICENSE("GPL");
