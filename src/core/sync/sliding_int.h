/* Private to sliding sync: one request under way. */
#ifndef EXEUNT_CORE_SYNC_SLIDING_INT_H
#define EXEUNT_CORE_SYNC_SLIDING_INT_H

#include "core/sync/sliding.h"
#include "core/sync/sliding_state_int.h"
#include "core/sync/sync_int.h"
#include "store/sliding.h"

enum { LIST_WORDS = (SLIDING_LISTS_MAX + 63) / 64 };

/* One room of the user, and what the request wants of it. */
struct sliding_row {
	struct user_room is;
	bool listed; /* stands in the lists; else the connection knows it, or it is subscribed to */
	bool changed; /* has events since the request's position */
	bool subscribed;
	uint64_t lists[LIST_WORDS]; /* bits: those whose windows hold it */
	uint64_t wishes;            /* bits: of the rules that match */
	int64_t timeline_limit;     /* the greatest of the rules that match; -1: none matches */
	bool is_dm;
	str type; /* of the room, and whether it is encrypted; once a filter asked */
	bool is_encrypted;
	bool with_heroes;
	bool
	    is_shown_anew; /* sliding_put_room(): from scratch, or with a longer timeline; its receipts follow */
	str *shown; /* ids of the events that it showed then */
	size_t shown_count;
	struct told_room *
	    told; /* in the state that this answer leaves; what it was before until the room is put */
};

/* A required_state in numbers. Type or key 0: nothing has ever stood there. */
struct wish {
	const struct wish_pattern *include, *exclude;
	size_t include_count, exclude_count;
	bool lazy_members;
	bool is_read; /* the rest is only good then */
};
struct wish_pattern {
	bool any_type, any_key;
	struct state_key at;
};

/* Where a set of wishes looks in a state. */
struct wish_plan {
	uint64_t wishes;
	bool whole;     /* all of it; else: */
	int64_t *types; /* these types, ascending */
	size_t type_count;
	struct state_key *places; /* and these places */
	size_t place_count;
};

struct sliding_run {
	struct sync_run sync; /* its since and to are those of the request; its filter none */
	struct arena *
	    kept; /* for what lives as long as the request; that of `sync` is a room's while one is put */
	const struct sliding_request *request;
	struct sliding_place place; /* where the request comes from; connection 0: it begins */
	struct told_state state;    /* that it comes from at first, that it leaves in the end */
	struct sliding_row *rows;   /* ascending by room */
	size_t row_count;
	struct wish *wishes;                         /* WISHES_MAX; beside state.wishes */
	uint64_t *list_wishes, *subscription_wishes; /* bit of each one's required_state */
	struct wish_plan plan;                       /* the last that was made */
	int64_t member_type,
	    own_key;    /* nids: of m.room.member, of the user's id as a state key; 0: none */
	bool has_kinds; /* types and encryption of the rows are there */
	int64_t to_device_since;  /* messages to the device up to here have come */
	size_t news;    /* what a long-poll would have waited for */
};

/* The row of a room, or NULL. */
struct sliding_row *sliding_row(const struct sliding_run *run, int64_t room);

/* The user's rooms, with what the connection knows of each in the state that the answer leaves. */
MUST_CHECK enum rc sliding_rows_read(struct sliding_run *run);
/* What the lists and the subscriptions want; "lists" of the answer. */
MUST_CHECK enum rc sliding_match(struct sliding_run *run);

/* Which of the user's rooms a filter lets pass: `ret_pass` for each row. */
MUST_CHECK enum rc sliding_filter(
    struct sliding_run *run, const struct sliding_filters *filters, bool *ret_pass);
/* Marks the rows of direct chats: account data m.direct. */
MUST_CHECK enum rc sliding_dms_read(struct sliding_run *run);

/* Gives the required_state of each rule its bit. RC_UNKNOWN_POS, RC_INVALID_PARAM: too many different ones. */
MUST_CHECK enum rc sliding_wishes_read(struct sliding_run *run, struct fail *fail);
/* Whether any of the wishes wants what stands at a place. */
MUST_CHECK enum rc sliding_wishes_match(
    struct sliding_run *run, uint64_t wishes, struct state_key at, bool *ret_match);
bool sliding_wishes_are_lazy(const struct sliding_run *run, uint64_t wishes);
MUST_CHECK enum rc sliding_plan(struct sliding_run *run, uint64_t wishes);

/* The room's part of "rooms", if there is anything to tell of it; the row's told says afterwards what the connection knows. */
MUST_CHECK enum rc sliding_put_room(struct sliding_run *run, struct sliding_row *row);

/* What of the state a room's part tells. */
struct sliding_state_part {
	const struct sync_room *room;
	const struct sync_timeline *timeline;
	bool initial;
	int64_t known; /* snapshot that the connection has; when not initial */
	size_t count;  /* events told */
	bool name_changed, avatar_changed, members_changed;
};
MUST_CHECK enum rc sliding_put_state(
    struct sliding_run *run, struct sliding_row *row, struct sliding_state_part *part);

/* "extensions" */
MUST_CHECK enum rc sliding_put_extensions(struct sliding_run *run);

/* The token: "p<pos>_<typing serial>_<connection>_<version>_<store id>". False: it is none of this server. */
struct sliding_token {
	struct sync_position position;
	struct sliding_place place;
};
bool sliding_token_read(const struct syncs *syncs, str text, struct sliding_token *ret_token);
void sliding_token_put(struct buf *out, const struct syncs *syncs, struct sliding_token token);

#endif
