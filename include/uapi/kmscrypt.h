/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * kmscrypt: the contract between the kernel module and user space.
 *
 * Documentation
 * =============
 *
 * Table line (device-mapper, dm-crypt's grammar; sizes in 512-byte sectors):
 *
 *   <start> <len> kmscrypt <cipher> :<key bytes>:kmscrypt:<volume uuid>
 *       <iv_offset> <device> <offset> [<#opts> <opts>...]
 *
 *   cipher       as in dm-crypt: cipher-mode-iv or capi:name-iv, for instance
 *                aes-xts-plain64, xchacha12,aes-adiantum-plain64,
 *                capi:cbc(aes)-essiv:sha256
 *   key bytes    length of the volume key; the key itself is never in a table
 *   volume uuid  the LUKS2 UUID, lower case, 36 characters
 *   iv_offset    added to the IV's sector number; equals the segment's iv_tweak
 *   device       path or major:minor of the device that holds the header
 *   offset       where the data starts; equals the segment's offset / 512
 *   opts         allow_discards, sector_size:<bytes>, iv_large_sectors,
 *                integrity:<tag bytes>:aead (the device is a dm-integrity
 *                target that keeps so many bytes a sector, the cipher an
 *                authenticated one, capi:authenc(hmac(sha256),xts(aes))-random,
 *                capi:gcm(aes)-random; with IV mode random they hold the IV
 *                too), and dm-crypt's same_cpu_crypt, high_priority,
 *                submit_from_crypt_cpus, no_read_workqueue,
 *                no_write_workqueue
 *
 * Upcall: on the first table of a volume (and on each renewal or unlock) the
 * kernel calls request_key() for a key of type KMSC_KEY_TYPE with
 *
 *   description  "<volume uuid>@<major>:<minor>" of the device in the table
 *   callout      space-separated name=value pairs, in this order:
 *                v=1 op=open|renew|unlock cipher=<cipher> key_bytes=<n>
 *                sector_size=<bytes> iv_offset=<sectors> offset=<sectors>
 *                len=<sectors> flags=<KMSC_DESC_* bits, decimal>
 *                [integrity=<tag bytes>:aead, of a table with that option]
 *                timeout_ms=<time that the helper has, decimal>
 *
 * /sbin/request-key runs the helper (KMSC_CONF_LINE). The helper instantiates
 * the key with a struct kmsc_payload, or rejects it with one of the errnos of
 * KMSC_REJECT_ERRNOS and a timeout of KMSC_REJECT_TIMEOUT_S. The kernel
 * compares the payload's description with every table that it is given.
 *
 * Status (dmsetup status; later versions append words):
 *
 *   <state> reason=<r> error=<n> epoch=<n> key=<n> lease=<s> left=<s>
 *       on_lock=<error|queue> cap=<s> held=<n> held_bytes=<n>
 *       pages=<n> pool=<n> pool_max=<n> reserve=<n> reserve_writes=<n>
 *       pool_shrunk=<n>
 *
 *   state        active, locked or unlocking
 *   reason       why it is locked: none, unreachable (the lease ran out),
 *                sleep, admin or revoked; of two, the later one in this list
 *   error        errno that the last upcall ended with, 0: none; ECANCELED:
 *                it was given up because the volume was locked meanwhile;
 *                ESTALE: its wrap is older than the one that is open, and has
 *                other terms (a lease, say); they do not count, and neither
 *                locks nor unlocks it
 *   epoch        of the wrap that the key came from
 *   key          serial of the key to revoke, 0: none
 *   lease        in seconds, 0: none; left: until it ends, rounded up, 0: no
 *                lease, or locked
 *   on_lock      what happens to I/O while locked; cap: with queue, how long it
 *                is held after the lock, in seconds, else 0
 *   held         bios of this table that wait for an unlock, and their bytes
 *   pages        that the writes of all tables have; pool: that are kept for
 *                later ones, at most pool_max, and given back when memory is
 *                short, which has happened to pool_shrunk so far
 *   reserve      pages that this table keeps for when there is no memory, and
 *                how many writes had to take them
 *
 * Messages (dmsetup message NAME 0 ...). Each returns at once:
 *
 *   lock         until somebody unlocks; reason=admin
 *   lock sleep   the same with reason=sleep
 *   unlock       fetch the key again, whatever the reason was
 *   renew        ask the KMS now whether it still gives us the key
 *
 * While the reason is unreachable the kernel goes on asking, and unlocks the
 * volume by itself when the KMS gives the key. A KMS that says no (EKEYREVOKED,
 * EACCES, EKEYREJECTED) to a renewal, or meanwhile, locks with reason=revoked.
 *
 * Events: a change of state or reason sends a dm event, and a "change" uevent
 * of the dm device with KMSCRYPT_UUID=<volume uuid>,
 * KMSCRYPT_STATE=<active|locked> and KMSCRYPT_REASON=<as in the status>. The end
 * of any attempt sends the dm event alone.
 *
 * All integers are little-endian, reserved bytes are zero and are checked.
 */
#ifndef _UAPI_KMSCRYPT_H
#define _UAPI_KMSCRYPT_H

#include <linux/types.h>

#define KMSC_TARGET_NAME "kmscrypt"
/* The leading dot keeps add_key(2) and request_key(2) out (keyctl(2)). */
#define KMSC_KEY_TYPE ".kmscrypt"
#define KMSC_TABLE_KEY_TYPE "kmscrypt"
/* Never CRYPT-: systemd and cryptsetup would claim the device. */
#define KMSC_DM_UUID_PREFIX "KMSCRYPT-"
#define KMSC_TOKEN_TYPE "kmscrypt"
#define KMSC_CONF_LINE          \
	"create .kmscrypt * * " \
	"/usr/sbin/kmscrypt-upcall %k"

/* Limits, the same for both halves */
#define KMSC_UUID_STR_LEN 36 /* without the final NUL */
#define KMSC_UUID_BYTES 16
#define KMSC_KEY_MAX 96 /* bytes of volume key */
#define KMSC_CIPHER_MAX 64 /* cipher spec, with the final NUL */
#define KMSC_INTEGRITY_MAX 32 /* integrity spec, with the final NUL */
#define KMSC_DESC_STR_MAX 64 /* key description, with the NUL */
#define KMSC_CALLOUT_MAX 512 /* callout string, with the NUL */
#define KMSC_SECTOR_MIN 512
#define KMSC_SECTOR_MAX 4096
#define KMSC_MAX_BINDINGS 8 /* tokens of type kmscrypt a volume */
#define KMSC_MAX_HELPERS 16 /* upcalls at once */

/* What the helper may take, in ms, when the administrator sets nothing. */
#define KMSC_TIMEOUT_DEFAULT_MS 20000
/* The constructor waits this much longer than the helper's deadline. */
#define KMSC_TIMEOUT_GRACE_MS 2000
/* Timeout of a rejected key: a shorter one and a late exit of the helper
 * were seen to turn the errno into ENOKEY.
 */
#define KMSC_REJECT_TIMEOUT_S 60

/*
 * Reject errnos: EKEYREVOKED the KMS says the key is destroyed, deactivated
 * or revoked; EACCES it refused our identity or policy; EKEYREJECTED unwrap
 * or capsule failed or does not match header, table or pin; EBADMSG malformed
 * header or token; EPROTO malformed KMS answer; EHOSTUNREACH, ETIMEDOUT no
 * endpoint answered; ENODATA no binding here or no such KMS entry on this
 * host; ENOKEY the upcall itself failed.
 */

/* Bits of the description (payload.desc_flags, callout flags=) */
#define KMSC_DESC_IV_LARGE_SECTORS (1U << 0)
#define KMSC_DESC_FLAGS_ALL KMSC_DESC_IV_LARGE_SECTORS

/* Bits of the policy (payload.policy, capsule.policy) */
#define KMSC_POLICY_ON_LOCK_QUEUE (1U << 0) /* else fail the I/O */
#define KMSC_POLICY_ALL KMSC_POLICY_ON_LOCK_QUEUE

#define KMSC_LEASE_MIN_S 10 /* 0: no lease */
#define KMSC_QUEUE_CAP_DEFAULT_S 90

#define KMSC_PAYLOAD_MAGIC "KMSPAYL1"
#define KMSC_PAYLOAD_VERSION 1

/*
 * struct kmsc_payload - what the helper instantiates the key with
 * @magic:	KMSC_PAYLOAD_MAGIC
 * @version:	KMSC_PAYLOAD_VERSION
 * @total:	sizeof(struct kmsc_payload)
 * @key_bytes:	length of the key in @key, at most KMSC_KEY_MAX
 * @policy:	KMSC_POLICY_* bits
 * @uuid:	volume UUID, binary, in the order of the text form
 * @sector_size: bytes of an encryption sector
 * @desc_flags:	KMSC_DESC_* bits
 * @iv_tweak:	the segment's IV offset, in 512-byte sectors
 * @seg_offset:	where the data starts on the device, in bytes
 * @seg_size:	length of the data in bytes, 0: to the end of the device
 * @lease_s:	lease in seconds, 0: none
 * @queue_cap_s: how long held I/O may wait while locked, in seconds
 * @epoch:	number of this wrap, for status
 * @cipher:	cipher spec, NUL-terminated and NUL-padded
 * @integrity:	integrity spec, <tag bytes>:aead as in the table, NUL-padded,
 *		empty: none. Compared with the table's like all the rest.
 * @reserved:	zero
 * @key:	the volume key, zero-padded
 */
struct kmsc_payload {
	__u8 magic[8];
	__le16 version;
	__le16 total;
	__le16 key_bytes;
	__le16 policy;
	__u8 uuid[KMSC_UUID_BYTES];
	__le32 sector_size;
	__le32 desc_flags;
	__le64 iv_tweak;
	__le64 seg_offset;
	__le64 seg_size;
	__le32 lease_s;
	__le32 queue_cap_s;
	__le64 epoch;
	char cipher[KMSC_CIPHER_MAX];
	char integrity[KMSC_INTEGRITY_MAX];
	__u8 reserved[24];
	__u8 key[KMSC_KEY_MAX];
};

#define KMSC_PAYLOAD_SIZE 296

#define KMSC_CAPSULE_MAGIC "KMSCRYP1"
#define KMSC_CAPSULE_VERSION 1
#define KMSC_CAPSULE_SIZE 256
#define KMSC_CAPSULE_MAC_INFO "kmscrypt capsule v1 mac"
#define KMSC_VKID_INFO "kmscrypt vkid v1"
/* The description starts with this text and its final NUL. */
#define KMSC_DESC_MAGIC "kmscrypt-desc-v1"

/*
 * struct kmsc_capsule - the plaintext that the KMS wraps
 * @magic:	KMSC_CAPSULE_MAGIC
 * @version:	KMSC_CAPSULE_VERSION
 * @total:	KMSC_CAPSULE_SIZE
 * @key_bytes:	length of the key in @key
 * @policy:	KMSC_POLICY_* bits
 * @uuid:	volume UUID
 * @desc_sha256: SHA-256 of the description (see user/volume/capsule.h)
 * @lease_s:	as in the payload
 * @queue_cap_s: as in the payload
 * @epoch:	+1 at each client-side wrap
 * @created:	seconds since 1970
 * @reserved:	zero
 * @key:	the volume key, zero-padded
 * @reserved2:	zero
 * @mac:	HMAC-SHA-256 over all before it; the key is HKDF-SHA256(volume
 *		key, salt = @uuid, info = KMSC_CAPSULE_MAC_INFO), RFC 5869
 */
struct kmsc_capsule {
	__u8 magic[8];
	__le16 version;
	__le16 total;
	__le16 key_bytes;
	__le16 policy;
	__u8 uuid[KMSC_UUID_BYTES];
	__u8 desc_sha256[32];
	__le32 lease_s;
	__le32 queue_cap_s;
	__le64 epoch;
	__le64 created;
	__u8 reserved[8];
	__u8 key[KMSC_KEY_MAX];
	__u8 reserved2[32];
	__u8 mac[32];
};

#endif /* _UAPI_KMSCRYPT_H */
