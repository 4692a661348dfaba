// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate of a volume, see gate.h. Opening and draining are the volume's
 * business and under its lock; shutting is possible from any context.
 */
#include "gate.h"

#include <linux/bitops.h>

/* Nobody enters. */
#define KMSC_GATE_SHUT 0
/* Who does not get in is to wait, not to fail; see hold.h. */
#define KMSC_GATE_WAIT 1

static void gate_release(struct percpu_ref *ref)
{
	struct kmsc_gate *gate = container_of(ref, struct kmsc_gate, ref);

	complete_all(&gate->drained);
}

/* A new gate is shut and drained. */
int kmsc_gate_init(struct kmsc_gate *gate)
{
	init_completion(&gate->drained);
	complete_all(&gate->drained);
	gate->flags = BIT(KMSC_GATE_SHUT);
	gate->cipher = NULL;
	return percpu_ref_init(&gate->ref, gate_release, PERCPU_REF_INIT_DEAD,
			       GFP_KERNEL);
}

void kmsc_gate_exit(struct kmsc_gate *gate)
{
	percpu_ref_exit(&gate->ref);
}

/**
 * kmsc_gate_open - let users in
 * @gate:	shut and drained
 * @cipher:	owned by the gate until kmsc_gate_drain() gives it back
 */
void kmsc_gate_open(struct kmsc_gate *gate, struct kmsc_cipher *cipher)
{
	gate->cipher = cipher;
	reinit_completion(&gate->drained);
	clear_bit(KMSC_GATE_SHUT, &gate->flags);
	/*
	 * Pairs with that in kmsc_gate_enter(): percpu_ref_reinit() lets users
	 * in before it comes to the store that releases.
	 */
	smp_wmb();
	percpu_ref_reinit(&gate->ref);
}

/*
 * kmsc_gate_shut - from now on nobody enters
 *
 * Any context, any number of times; the caller keeps it apart from
 * kmsc_gate_open(). It does not wait: percpu_ref_kill() would, for a change of
 * mode that is under way, but a gate is opened only when it is drained, and
 * that is after the end of the change that the last shutting began.
 */
void kmsc_gate_shut(struct kmsc_gate *gate)
{
	if (!test_and_set_bit(KMSC_GATE_SHUT, &gate->flags))
		percpu_ref_kill(&gate->ref);
}

/* kmsc_gate_set_wait - shall I/O that finds the gate shut be held? */
void kmsc_gate_set_wait(struct kmsc_gate *gate, bool wait)
{
	if (wait)
		set_bit(KMSC_GATE_WAIT, &gate->flags);
	else
		clear_bit(KMSC_GATE_WAIT, &gate->flags);
}

bool kmsc_gate_is_wait(const struct kmsc_gate *gate)
{
	return test_bit(KMSC_GATE_WAIT, &gate->flags);
}

/**
 * kmsc_gate_drain - wait until nobody is inside
 * @gate:	shut
 *
 * Return: the cipher, now the caller's to free; NULL if it was taken before.
 */
struct kmsc_cipher *kmsc_gate_drain(struct kmsc_gate *gate)
{
	struct kmsc_cipher *cipher;

	wait_for_completion(&gate->drained);
	cipher = gate->cipher;
	gate->cipher = NULL;
	return cipher;
}
