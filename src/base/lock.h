/*
 * Locks, conditions and threads, with clang's thread-safety annotations.
 *
 * Take and drop explicitly, in short leaf functions: no SQL, network or large allocation under a lock.
 * Functions named *_locked carry REQUIRES(x->mu). Misuse (a failing pthread call) aborts.
 */
#ifndef EXEUNT_BASE_LOCK_H
#define EXEUNT_BASE_LOCK_H

#include "base/attr.h"
#include "base/rc.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __clang__
#define CAPABILITY(x) __attribute__((capability(x)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define NO_THREAD_SAFETY_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(x)
#define REQUIRES(...)
#define ACQUIRE(...)
#define RELEASE(...)
#define NO_THREAD_SAFETY_ANALYSIS
#endif

/* Documents which lock guards a field: clang 14 cannot resolve a sibling field in C. */
#define GUARDED_BY(x)

struct CAPABILITY("mutex") lock {
	pthread_mutex_t mutex;
};

void lock_init(struct lock *lock);
void lock_destroy(struct lock *lock);
void lock_take(struct lock *lock) ACQUIRE(*lock);
void lock_drop(struct lock *lock) RELEASE(*lock);

struct cond {
	pthread_cond_t cond; /* waits on the monotonic clock */
};

void cond_init(struct cond *cond);
void cond_destroy(struct cond *cond);
void cond_wait(struct cond *cond, struct lock *lock) REQUIRES(*lock);
/* False when `timeout_ms` passed without a signal. */
bool cond_wait_ms(struct cond *cond, struct lock *lock, int64_t timeout_ms) REQUIRES(*lock);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

typedef pthread_t thread;

/* Starts `run(arg)` with all signals blocked; `name` (at most 15 bytes) is what debuggers show. */
MUST_CHECK enum rc thread_start(thread *ret_thread, const char *name, void *(*run)(void *), void *arg);
void thread_join(thread t);

#endif
