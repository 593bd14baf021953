/*
 * Fault points: named places at which a test makes the process die or an operation fail.
 *
 * FAULT("deactivation.accepted.committed") does nothing but a relaxed load unless armed. fault_arm() takes
 * "NAME:K" (die by SIGKILL when NAME is reached for the K-th time, K from 1) or "*:K" (every point counts),
 * or "NAME:K:fail" (FAULT_FAILS(NAME) is true then, once). Without the build option fault_points the
 * macros vanish. Any thread.
 */
#ifndef EXEUNT_BASE_FAULT_H
#define EXEUNT_BASE_FAULT_H

#include "base/rc.h"
#include "base/str.h"

#ifdef EXEUNT_FAULT_POINTS
#define FAULT(name) ((void)(__atomic_load_n(&fault_armed, __ATOMIC_RELAXED) && fault_hit(name)))
#define FAULT_FAILS(name) (__atomic_load_n(&fault_armed, __ATOMIC_RELAXED) && fault_hit(name))
#else
#define FAULT(name) ((void)0)
#define FAULT_FAILS(name) (false)
#endif

extern bool fault_armed;

/* RC_INVALID_PARAM when `spec` is not of the form above. */
MUST_CHECK enum rc fault_arm(str spec);
void fault_disarm(void);
bool fault_hit(const char *name); /* by the macros only; true: the operation must fail */

#endif
