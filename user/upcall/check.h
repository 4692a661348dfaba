/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper by hand: kms check, as the kernel would have a key fetched. */
#ifndef _UPCALL_CHECK_H
#define _UPCALL_CHECK_H

/**
 * check_asked() - was the program started to check an entry?
 * The kernel gives it a number, which is no entry that it could be taken for.
 */
int check_asked(int argc, char **argv);

/**
 * check_entry() - check the entry argv[2], write a struct helper_answer to
 * standard output
 *
 * In the state that the kernel's helper is in: nothing in the environment, the
 * child that connects, the sandbox. Only for root: nobody else can read the
 * credentials. Return: the exit status.
 */
int check_entry(char **argv);

#endif
