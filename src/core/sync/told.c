#include "core/sync/told_int.h"

#include "base/heap.h"
#include "base/lock.h"

/* A table of sets: a new entry takes the place of the oldest of its set. 2.5 MiB, touched as it fills. */
enum { SETS = 16384, WAYS = 4, LOCKS = 16 };

struct entry {
	struct told_member member;
	int64_t to_pos; /* 0: unused */
};

struct told {
	struct lock mu[LOCKS];
	struct entry sets[SETS][WAYS] GUARDED_BY(mu);
};

enum rc told_new(struct told **ret_told)
{
	struct told *told = heap_new(struct told);
	if (!told)
		return RC_NOMEM;
	for (size_t i = 0; i < LOCKS; i++)
		lock_init(&told->mu[i]);
	*ret_told = told;
	return RC_OK;
}

void told_free(struct told *told)
{
	if (!told)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		lock_destroy(&told->mu[i]);
	heap_free(told);
}

/* Our own numbers, not chosen by peers. */
static size_t set_of(const struct told_member *member)
{
	uint64_t hash = (uint64_t)member->reader;
	hash = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15u + (uint64_t)member->room;
	hash = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15u + (uint64_t)member->key;
	hash = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15u;
	return (size_t)(hash >> 40) % SETS;
}

static bool is_about(const struct entry *entry, const struct told_member *member)
{
	return entry->to_pos != 0 && entry->member.reader == member->reader &&
	       entry->member.room == member->room && entry->member.key == member->key;
}

bool told_before(struct told *told, const struct told_member *member, int64_t since_pos)
{
	size_t set = set_of(member);
	bool found = false;
	if (member->reader == 0)
		return false;
	lock_take(&told->mu[set % LOCKS]);
	for (size_t i = 0; i < WAYS; i++) {
		const struct entry *entry = &told->sets[set][i];
		if (is_about(entry, member))
			found = entry->member.event == member->event && entry->to_pos <= since_pos;
	}
	lock_drop(&told->mu[set % LOCKS]);
	return found;
}

/* Nothing that a later request could tell from an earlier one. */
static bool is_no_step(const struct told_member *member, int64_t since_pos, int64_t to_pos)
{
	return member->reader == 0 || to_pos <= since_pos;
}

void told_note(
    struct told *told, const struct told_member *member, int64_t since_pos, int64_t to_pos)
{
	size_t set = set_of(member);
	if (is_no_step(member, since_pos, to_pos))
		return;
	lock_take(&told->mu[set % LOCKS]);
	struct entry *place = &told->sets[set][0];
	for (size_t i = 0; i < WAYS; i++) {
		struct entry *entry = &told->sets[set][i];
		if (is_about(entry, member)) {
			place = entry;
			break;
		}
		if (entry->to_pos < place->to_pos)
			place = entry;
	}
	*place = (struct entry){*member, to_pos};
	lock_drop(&told->mu[set % LOCKS]);
}
