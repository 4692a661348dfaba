// SPDX-License-Identifier: GPL-2.0-or-later
/* See privilege.h. */
#include "upcall/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN_USER "kmscrypt"
#define OTHER_USER "nobody"
#define NOBODY 65534 /* what the kernel means by it */

static uid_t uid = NOBODY;
static gid_t gid = NOBODY;

int privilege_find(void)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *p;

	while (f && (p = fgetpwent(f))) {
		if (strcmp(p->pw_name, OWN_USER) &&
		    strcmp(p->pw_name, OTHER_USER))
			continue;
		uid = p->pw_uid;
		gid = p->pw_gid;
		if (!strcmp(p->pw_name, OWN_USER))
			break;
	}
	if (f)
		fclose(f);
	return uid && gid ? 0 : -EPERM;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* the ambient set goes with the permitted and inheritable ones */
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int privilege_drop(void)
{
	static const struct rlimit none;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (drop_capabilities() < 0)
		return -errno;
	/* set by the change of user to what the administrator wants */
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
}
