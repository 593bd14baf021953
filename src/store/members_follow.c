/* How the rows of memberships follow the current state of a room. */
#include "store/members_int.h"

#include "base/fault.h"
#include "codec/json.h"
#include "store/accounts.h"
#include "store/deactivation_int.h"
#include "store/directory.h"
#include "store/rows_int.h"
#include "store/store_int.h"

enum { FOLLOW_SCRATCH_BYTES = 16 << 20, FOLLOW_KEPT_BYTES = 512 << 20 };

/* One row as it is to be. */
struct member {
	str user_id;
	enum membership membership;
	int64_t event;
	bool marked;
	int64_t sender; /* 0: nobody, a resolution took it away */
	str displayname, avatar_url;
};

/* ---- one row ---- */

struct standing {
	enum membership membership;
	bool removed;
};

static enum rc standing_now(
    struct txn_ro *txn, int64_t room, int64_t user, struct standing *ret_standing)
{
	struct query CLEANUP(query_close) q = QUERY(txn, membership_get, I(room), I(user));
	*ret_standing = (struct standing){MEMBERSHIP_NONE, false};
	enum rc rc = query_step(&q);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	*ret_standing = (struct standing){(enum membership)col_i64(&q, 0), col_i64(&q, 1) != 0};
	return RC_OK;
}

/* Kicked or banned, and not only kept out. */
static bool is_removed(const struct member *member, int64_t user, struct standing before)
{
	return member->membership >= MEMBERSHIP_LEAVE && member->sender != user &&
	       (before.membership == MEMBERSHIP_JOIN || before.removed);
}

static enum rc change_tell(struct member_changes *changes, int64_t user, bool departs)
{
	if (!changes)
		return RC_OK;
	changes->departures = changes->departures || departs;
	size_t count = changes->count;
	if ((count & (count - 1)) == 0) { /* full: it grows at 0, 1, 2, 4, … */
		int64_t *users = arena_grow(changes->arena, changes->users,
		    count * sizeof *users, (count ? count * 2 : 1) * sizeof *users);
		TRY(arena_status(changes->arena));
		changes->users = users;
	}
	changes->users[changes->count++] = user;
	return RC_OK;
}

static bool is_in_room(enum membership membership)
{
	return membership >= MEMBERSHIP_JOIN && membership <= MEMBERSHIP_KNOCK;
}

static enum rc row_put(
    struct txn_rw *txn, const struct event_insert *in, int64_t pos, const struct member *member)
{
	int64_t user;
	struct standing before;
	enum membership now = member->membership;
	bool departs = false;
	TRY(user_nid_make(txn, member->user_id, &user));
	TRY(standing_now(&txn->ro, in->room, user, &before));
	TRY(RUN(txn, membership_put, I(in->room), I(user), I(now), I(member->event), I(pos),
	    I(member->marked), T(member->displayname), T(member->avatar_url),
	    I(is_removed(member, user, before))));
	if (is_in_room(now))
		TRY(departure_renew(txn, user, in->room, &departs));
	if (now == MEMBERSHIP_JOIN)
		TRY(directory_follow_member(
		    txn, user, member->user_id, member->displayname, member->avatar_url));
	txn_tell(txn, NEWS_USER, user);
	if (departs)
		txn_tell(txn, NEWS_DEPARTURES, 0);
	TRY(change_tell(in->members, user, departs));
	int joined = (now == MEMBERSHIP_JOIN) - (before.membership == MEMBERSHIP_JOIN);
	int invited = (now == MEMBERSHIP_INVITE) - (before.membership == MEMBERSHIP_INVITE);
	if (joined == 0 && invited == 0)
		return RC_OK;
	return RUN(txn, room_members_add, I(joined), I(invited), I(in->room));
}

static struct member member_of_insert(const struct event_insert *in, const struct placing *at)
{
	return (struct member){in->member_user_id, in->membership, at->event, in->marked,
	    in->sender, in->member_displayname, in->member_avatar_url};
}

enum rc membership_put(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	struct member member = member_of_insert(in, at);
	return row_put(txn, in, at->pos, &member);
}

/* ---- all that a new current state changes ---- */

struct follower {
	struct txn_rw *txn;
	const struct event_insert *in;
	const struct placing *at;
	int64_t type;          /* nid of m.room.member */
	struct arena scratch;
	struct rows places;    /* struct state_entry: what stands there now */
	struct arena kept;     /* holds `places` */
};

static void follower_release(struct follower *follower)
{
	arena_release(&follower->scratch);
	arena_release(&follower->kept);
}

static enum rc place_note(
    void *self, const struct state_entry *before, const struct state_entry *after)
{
	struct follower *follower = self;
	(void)before;
	if (after->at.type != follower->type)
		return RC_OK;
	struct state_entry *place = rows_add(&follower->places);
	TRY(arena_status(&follower->kept));
	*place = *after;
	return RC_OK;
}

/* What a stored member event says. One that says nothing a member can be leaves the user out of the room. */
static enum rc member_of_event(struct follower *follower, int64_t event, struct member *member)
{
	struct query CLEANUP(query_close) q = QUERY(&follower->txn->ro, event_content, I(event));
	json root;
	enum rc rc = query_step(&q);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
	str canonical = col_dup(&q, 0, &follower->scratch);
	TRY(arena_status(&follower->scratch));
	rc = json_parse(&follower->scratch, canonical, &root, NULL);
	if (rc != RC_OK)
		return rc == RC_NOMEM ? rc : RC_CORRUPT;
	json content = json_get(root, STR("content"));
	member->event = event;
	member->marked = (col_i64(&q, 1) & STANDING_MARKED) != 0;
	member->sender = col_i64(&q, 2);
	(void)membership_parse(json_get_text(content, STR("membership")), &member->membership);
	member->displayname = json_get_text(content, STR("displayname"));
	member->avatar_url = json_get_text(content, STR("avatar_url"));
	return RC_OK;
}

static enum rc place_follow(struct follower *follower, const struct state_entry *place)
{
	const struct placing *at = follower->at;
	struct member member = {.membership = MEMBERSHIP_LEAVE, .event = at->event};
	if (place->event == at->event)
		member = member_of_insert(follower->in, at);
	else if (place->event != 0)
		TRY(member_of_event(follower, place->event, &member));
	TRY(key_of(&follower->txn->ro, &follower->scratch, place->at.key, &member.user_id));
	if (member.user_id.n == 0)
		return RC_OK;
	return row_put(follower->txn, follower->in, at->pos, &member);
}

enum rc memberships_follow(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at, int64_t before)
{
	struct follower CLEANUP(follower_release) follower = {.txn = txn, .in = in, .at = at};
	arena_init(&follower.scratch, FOLLOW_SCRATCH_BYTES);
	arena_init(&follower.kept, FOLLOW_KEPT_BYTES);
	follower.places = ROWS(&follower.kept, struct state_entry);
	TRY(type_nid_make(txn, STR("m.room.member"), &follower.type));
	TRY(snapshot_diff(&txn->ro, before, at->current, place_note, &follower));
	const struct state_entry *places = follower.places.first;
	for (size_t i = 0; i < follower.places.count; i++) {
		TRY(place_follow(&follower, &places[i]));
		FAULT("store.fork.member");
		arena_clear(&follower.scratch);
	}
	return RC_OK;
}
