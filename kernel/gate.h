/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate of a volume: whoever uses the cipher is inside, and once it is shut
 * nobody is and nobody gets in. Held for a cipher operation, never across
 * lower I/O, so shutting it takes no longer than a cipher operation does.
 */
#ifndef _KMSC_GATE_H
#define _KMSC_GATE_H

#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/percpu-refcount.h>

struct kmsc_cipher;

/**
 * struct kmsc_gate - guards a cipher
 * @ref:	live while the gate is open; one reference a user
 * @drained:	completed when the last user has left a gate that was shut
 * @flags:	KMSC_GATE_*; atomic
 * @cipher:	the keyed cipher; changes only while the gate is shut and drained
 */
struct kmsc_gate {
	struct percpu_ref ref;
	struct completion drained;
	unsigned long flags;
	struct kmsc_cipher *cipher;
};

int kmsc_gate_init(struct kmsc_gate *gate);
void kmsc_gate_exit(struct kmsc_gate *gate);
void kmsc_gate_open(struct kmsc_gate *gate, struct kmsc_cipher *cipher);
void kmsc_gate_shut(struct kmsc_gate *gate);
void kmsc_gate_set_wait(struct kmsc_gate *gate, bool wait);
bool kmsc_gate_is_wait(const struct kmsc_gate *gate);
struct kmsc_cipher *kmsc_gate_drain(struct kmsc_gate *gate);

static inline bool kmsc_gate_is_open(struct kmsc_gate *gate)
{
	return !percpu_ref_is_dying(&gate->ref);
}

/*
 * kmsc_gate_enter - any context
 *
 * Return: the cipher, good until kmsc_gate_leave(); NULL if the gate is shut.
 */
static inline struct kmsc_cipher *kmsc_gate_enter(struct kmsc_gate *gate)
{
	if (unlikely(!percpu_ref_tryget_live(&gate->ref)))
		return NULL;
	/*
	 * kmsc_gate_open() stores the cipher before percpu_ref_reinit(); a read
	 * that ran ahead of the tryget could see the one that was freed when
	 * the gate was shut before, or NULL, and who got that does not leave.
	 */
	smp_rmb();
	return gate->cipher;
}

static inline void kmsc_gate_leave(struct kmsc_gate *gate)
{
	percpu_ref_put(&gate->ref);
}

#endif /* _KMSC_GATE_H */
