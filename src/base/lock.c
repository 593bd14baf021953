#include "base/lock.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

enum { THREAD_STACK_BYTES = 512 * 1024 };

#define WAIT_MAX_MS (INT64_C(1000) * 365 * 24 * 3600 * 1000) /* a thousand years: no sum overflows */

void lock_init(struct lock *lock)
{
	ASSERT(pthread_mutex_init(&lock->mutex, NULL) == 0);
}

void lock_destroy(struct lock *lock)
{
	ASSERT(pthread_mutex_destroy(&lock->mutex) == 0);
}

void lock_take(struct lock *lock) NO_THREAD_SAFETY_ANALYSIS
{
	ASSERT(pthread_mutex_lock(&lock->mutex) == 0);
}

void lock_drop(struct lock *lock) NO_THREAD_SAFETY_ANALYSIS
{
	ASSERT(pthread_mutex_unlock(&lock->mutex) == 0);
}

void cond_init(struct cond *cond)
{
	pthread_condattr_t attributes;
	ASSERT(pthread_condattr_init(&attributes) == 0);
	ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	ASSERT(pthread_cond_init(&cond->cond, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
}

void cond_destroy(struct cond *cond)
{
	ASSERT(pthread_cond_destroy(&cond->cond) == 0);
}

void cond_wait(struct cond *cond, struct lock *lock)
{
	ASSERT(pthread_cond_wait(&cond->cond, &lock->mutex) == 0);
}

bool cond_wait_ms(struct cond *cond, struct lock *lock, int64_t timeout_ms)
{
	if (timeout_ms < 0)
		timeout_ms = 0; /* a deadline that has passed */
	if (timeout_ms > WAIT_MAX_MS)
		timeout_ms = WAIT_MAX_MS;
	int64_t until_ms = clock_mono_ms(&clock_system) + timeout_ms;
	struct timespec until = {(time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000L};
	int error = pthread_cond_timedwait(&cond->cond, &lock->mutex, &until);
	ASSERT(error == 0 || error == ETIMEDOUT);
	return error == 0;
}

void cond_signal(struct cond *cond)
{
	ASSERT(pthread_cond_signal(&cond->cond) == 0);
}

void cond_broadcast(struct cond *cond)
{
	ASSERT(pthread_cond_broadcast(&cond->cond) == 0);
}

enum rc thread_start(thread *ret_thread, const char *name, void *(*run)(void *), void *arg)
{
	pthread_attr_t attributes;
	if (pthread_attr_init(&attributes) != 0)
		return RC_NOMEM;
	pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(ret_thread, &attributes, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (error)
		return RC_NOMEM;
	pthread_setname_np(*ret_thread, name);
	return RC_OK;
}

void thread_join(thread t)
{
	ASSERT(pthread_join(t, NULL) == 0);
}
