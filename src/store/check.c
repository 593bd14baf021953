/* store_check(): what the engine can tell, and our own rules between the tables. */
#include "store/room_cards_int.h"
#include "store/store_int.h"

#include "codec/json.h"

struct report {
	void (*fn)(void *self, str finding);
	void *self;
};

/* Statements of which each row is a finding (the engine's own says 'ok' when there is none). */
static const enum statement checks[] = {
    STMT_check_integrity,
    STMT_check_foreign_keys,
    STMT_check_membership_events,
    STMT_check_heads,
    STMT_check_extremities,
    STMT_check_auth_chains,
    STMT_check_auth_links,
    STMT_check_snapshots,
    STMT_check_member_counts,
    STMT_check_relations,
    STMT_check_threads,
    STMT_check_positions,
    STMT_check_departures,
    STMT_check_flags,
};

static enum rc check_run(struct txn_ro *txn, enum statement check, const struct report *report)
{
	struct query CLEANUP(query_close) q = query_open(txn_conn(txn), check, NULL, 0);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		str finding = col_text(&q, 0);
		if (!str_eq(finding, STR("ok")))
			report->fn(report->self, finding);
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum { CHECK_SCRATCH_BYTES = 16 << 20, CHECK_FINDINGS_MAX = 20 };

/* The membership that the stored event itself states; NONE when it cannot be read. */
static enum membership membership_stated(struct arena *scratch, str canonical)
{
	json root;
	enum membership membership = MEMBERSHIP_NONE;
	if (json_parse(scratch, canonical, &root, NULL) == RC_OK)
		(void)membership_parse(
		    json_get_text(json_get(root, STR("content")), STR("membership")), &membership);
	return membership;
}

static enum rc check_membership_contents(struct txn_ro *txn, const struct report *report)
{
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, CHECK_SCRATCH_BYTES);
	struct query CLEANUP(query_close) q = QUERY(txn, check_membership_contents);
	enum rc rc;
	int findings = 0;
	while (findings < CHECK_FINDINGS_MAX && (rc = query_step(&q)) == RC_OK) {
		arena_clear(&scratch);
		enum membership stated = membership_stated(&scratch, col_text(&q, 1));
		if (stated == (enum membership)col_i64(&q, 0))
			continue;
		str user_id = col_text(&q, 2), room_id = col_text(&q, 3);
		str finding = arena_printf(&scratch,
		    "the membership of %.*s in %.*s is not what its event says", STR_ARG(user_id),
		    STR_ARG(room_id));
		TRY(arena_status(&scratch));
		report->fn(report->self, finding);
		findings++;
	}
	return findings == CHECK_FINDINGS_MAX || rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool field_is_same(
    const struct card_place *place, const struct room_card *a, const struct room_card *b)
{
	const void *one = (const char *)a + place->offset, *other = (const char *)b + place->offset;
	return place->flag ? *(const bool *)one == *(const bool *)other
			   : str_eq(*(const str *)one, *(const str *)other);
}

static enum rc check_card(struct txn_ro *txn, struct arena *scratch, const struct room_row *room,
    const struct report *report)
{
	struct room_card card, stated;
	enum rc rc = room_card_get(txn, scratch, room->room, &card);
	if (rc == RC_OK)
		rc = room_card_of_state(txn, scratch, room->snapshot, &stated);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	for (size_t i = 0; i < CARD_PLACES && (i == 0 || rc == RC_OK); i++) {
		if (rc == RC_OK && field_is_same(&card_places[i], &card, &stated))
			continue;
		str finding = arena_printf(scratch, "the card of %.*s is not what its %s says",
		    STR_ARG(room->room_id), rc == RC_OK ? card_places[i].type : "state");
		TRY(arena_status(scratch));
		report->fn(report->self, finding);
	}
	return RC_OK;
}

static enum rc check_cards(struct txn_ro *txn, const struct report *report)
{
	struct arena CLEANUP(arena_release) scratch;
	struct room_row room = {0};
	enum rc rc;
	arena_init(&scratch, CHECK_SCRATCH_BYTES);
	while ((rc = room_from(txn, &scratch, room.room + 1, &room)) == RC_OK) {
		TRY(check_card(txn, &scratch, &room, report));
		arena_clear(&scratch);
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_check(struct store *store, void (*fn)(void *self, str finding), void *self)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct report report = {fn, self};
	TRY(txn_ro_begin(store, &txn));
	TRY(conn_be_patient(txn_conn(txn))); /* whole tables are read */
	for (size_t i = 0; i < COUNT_OF(checks); i++)
		TRY(check_run(txn, checks[i], &report));
	TRY(check_membership_contents(txn, &report));
	return check_cards(txn, &report);
}
