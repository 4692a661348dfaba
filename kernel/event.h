/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a volume tells that its state has changed: log, audit, uevent, dm event
 */
#ifndef _KMSC_EVENT_H
#define _KMSC_EVENT_H

struct kmsc_volume;

/* Both with the volume's lock held */
void kmsc_event_attempt(struct kmsc_volume *vol);
void kmsc_event_state(struct kmsc_volume *vol);

#endif /* _KMSC_EVENT_H */
