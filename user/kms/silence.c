// SPDX-License-Identifier: GPL-2.0-or-later
/* See silence.h. The file holds the time of the last silence, or nothing. */
#include "kms/silence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "kms/login-state.h"

#define FOLDER "silent"
#define TEXT_MAX 32
/* Then it is asked in its turn again, which may cost one open its time. */
#define FORGET_S 600

int silence_open(const char *id)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, FOLDER, id, NULL);

	if (!path || file_mkdirs(path))
		return -1;
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
		    0600);
}

bool silence_lately(int fd)
{
	uint64_t since, now = login_now_s();
	char text[TEXT_MAX];
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	since = strtoull(text, NULL, 10);
	return since <= now && now - since < FORGET_S;
}

void silence_note(int fd, bool answered)
{
	char text[TEXT_MAX];
	int len;

	if (fd < 0 || ftruncate(fd, 0) < 0 || answered)
		return;
	len = snprintf(text, sizeof(text), "%" PRIu64 "\n", login_now_s());
	if (pwrite(fd, text, (size_t)len, 0) < 0)
		return; /* the next one waits as we did */
}

int silence_drop(const char *id)
{
	_cleanup_free_ char *path = file_path(PLACE_RUN, FOLDER, id, NULL);

	return path ? file_remove(path) : -ENOMEM;
}
