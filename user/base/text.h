/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that is shown to somebody may hold bytes that somebody else chose. */
#ifndef _BASE_TEXT_H
#define _BASE_TEXT_H

/**
 * text_clean() - replace, in place, each byte of @text that could steer a
 * terminal or a log by '?': control characters (C0 and C1), what is not
 * UTF-8, and the marks that turn the writing direction around.
 */
void text_clean(char *text);

#endif
