/*
 * Events as servers see them (PDUs): parsing with limits, building, hashes, ids, signatures, redaction, and
 * the form for clients.
 *
 * An event is kept and served as its own canonical bytes. `struct event` is a view into a parsed
 * document: everything it points to lives in the arena that was given. Spec: Server-Server API, "PDUs",
 * "Signing Events"; Client-Server API, "Redactions", "Size limits". Any thread.
 */
#ifndef EXEUNT_MATRIX_EVENT_H
#define EXEUNT_MATRIX_EVENT_H

#include "base/rng.h"
#include "codec/crypto.h"
#include "codec/json.h"
#include "matrix/ids.h"
#include "matrix/room_version.h"

enum {
	EVENT_MAX_BYTES = 65536,      /* canonical, signatures included */
	EVENT_PREV_MAX = 20,
	EVENT_AUTH_MAX = 10,
	EVENT_DEPTH_JSON_MAX = 100,   /* nesting of the whole event; its content has one level less */
};

struct event {
	const struct room_version *version;
	str event_id;   /* computed; in v1 and v2 as it stands in the event */
	str room_id;    /* of a v12 create event: computed */
	str type;
	str sender;
	bool is_state;
	str state_key;  /* when is_state */
	str redacts;    /* by the version's rule; empty when there is none */
	int64_t origin_server_ts; /* ms */
	int64_t depth;
	const str *prev_events; /* event ids; in v1 and v2 without their hashes, which nobody looks at */
	size_t prev_count;
	const str *auth_events;
	size_t auth_count;
	json content;   /* an object; in canonical order, but as the draft had it when event_build() made a message */
	json root;      /* the whole event; NULL when event_build() made it */
	str canonical;  /* the canonical bytes of the whole event, what is stored and sent */
};

/*
 * Reads an event from `text` (any JSON; it is brought into canonical form). RC_NOT_JSON and RC_BAD_JSON with a
 * sentence that names the field (more prev_events or auth_events than allowed are RC_BAD_JSON too); RC_TOO_LARGE
 * beyond the limits in bytes. Hash and signatures must be there, and are not looked into.
 */
MUST_CHECK enum rc event_parse(struct arena *arena, const struct room_version *version, str text,
                               struct event *ret_event, struct fail *fail);

/*
 * The same for bytes that this server stored itself: nothing is checked again but the shape (RC_CORRUPT).
 * `canonical` and `event_id` are borrowed and must live as long as the event. In v1 and v2 the bytes must bear that id.
 */
MUST_CHECK enum rc event_parse_stored(struct arena *arena, const struct room_version *version, str canonical,
                                      str event_id, struct event *ret_event);

/* What a new event of ours is made of. Texts are borrowed. */
struct event_draft {
	str event_id;          /* v1 and v2: event_id_random(); else empty */
	str room_id;           /* empty for a create event of v12 */
	str type;
	str sender;
	bool is_state;
	str state_key;
	str content;           /* a JSON object, any form; refused by the rules of canonical JSON */
	str redacts;           /* for m.room.redaction; placed where the version wants it. Empty: as in `content` */
	int64_t origin_server_ts; /* ms */
	int64_t depth;         /* cut at 2^53 − 1 (before v6: 2^63 − 1), where a room's depth stays */
	const str *prev_events;
	size_t prev_count;
	const str *auth_events;
	size_t auth_count;
	const str *prev_hashes, *auth_hashes; /* v1 and v2: event_reference_text() of each; else NULL */
};

struct signing_identity {
	str server_name;
	str key_id;             /* "ed25519:abcd" */
	struct ed25519_key key;
};

/*
 * Builds, hashes, signs: `*ret_event` is complete but for `root`, which stays NULL: nothing is parsed again.
 * Its texts are the draft's (borrowed) where they were taken over unchanged. RC_NOT_JSON or RC_BAD_JSON for content
 * that canonical JSON refuses, RC_TOO_LARGE for an event (or type, state_key, …) beyond the limits.
 */
MUST_CHECK enum rc event_build(struct arena *arena, const struct room_version *version,
                               const struct event_draft *draft, const struct signing_identity *identity,
                               struct event *ret_event, struct fail *fail);

/* Content hash (base64 in `hashes.sha256`) and reference hash of a whole event. */
MUST_CHECK enum rc event_content_hash(struct arena *scratch, json root, struct sha256 *ret_hash);
MUST_CHECK enum rc event_reference_hash(struct arena *scratch, const struct room_version *version, json root,
                                        struct sha256 *ret_hash);
/* The reference hash as v1 and v2 write it beside an event's id: unpadded base64. RC_BAD_JSON: `root` is no object. */
MUST_CHECK enum rc event_reference_text(struct arena *arena, const struct room_version *version, json root,
                                        str *ret_text);
/* An event id of v1 and v2: "$", random letters, ":" and the server's name; empty when the arena failed. */
str event_id_random(struct arena *arena, const struct rng *rng, str server_name);

/* True when `hashes.sha256` is the content hash. */
MUST_CHECK enum rc event_hash_matches(struct arena *scratch, json root, bool *ret_matches);

/* The signature of `server_name` by `key_id` over the redacted event verifies under `public_key`. */
MUST_CHECK enum rc event_signature_verify(struct arena *scratch, const struct room_version *version, json root,
                                          str server_name, str key_id,
                                          const unsigned char public_key[ED25519_PUBLIC_BYTES], bool *ret_valid);

/*
 * The servers whose signatures the event must bear: the sender's (not for an invite that stands for a third-party
 * one), in v1 and v2 that of the event id, from v8 on that of join_authorised_via_users_server in a join. A server
 * stands once; an empty one stands for a field that is no ID: nobody can have signed. Server-Server API,
 * "Validating hashes and signatures on received events"; Room Versions, v8, "Authorisation rules". Returns how many.
 */
enum { EVENT_SIGNERS_MAX = 3 };
size_t event_signers(const struct event *event, str ret_servers[EVENT_SIGNERS_MAX]);

/*
 * Whether a key's validity covers an event: Room Versions, v5, "Signing key validity period". `expired_ts_ms` of an
 * old_verify_key, else 0: such a key is good for no later event, in any version ("Validating hashes and signatures on
 * received events"). `valid_until_ts_ms` counts from v5 on, and at most seven days from `fetched_ms`.
 */
bool event_key_is_valid(const struct room_version *version, int64_t origin_server_ts_ms, int64_t valid_until_ts_ms,
                        int64_t expired_ts_ms, int64_t fetched_ms);

/* Canonical bytes of the redacted event: Room Versions, "Redactions". Its event id stays the same. */
MUST_CHECK enum rc event_redact(struct arena *arena, const struct room_version *version, json root, str *ret_canonical);

/* What stands in `unsigned` of the form for clients. Empty or zero: left out. */
struct event_unsigned {
	int64_t age_ms;           /* negative: left out */
	str transaction_id;       /* for the device that sent it */
	str delay_id;             /* of a delayed event (MSC4140), for its sender */
	str prev_content;         /* JSON object */
	str replaces_state;       /* event id */
	str redacted_because;     /* JSON of the redaction in the form for clients */
	str prev_sender;
	str membership;           /* of the requesting user at the event (v1.11) */
	str relations;            /* JSON of the bundled aggregations */
};

enum event_form {
	EVENT_FORM_CLIENT,      /* with room_id: /event, /messages, … */
	EVENT_FORM_SYNC,        /* without room_id */
	EVENT_FORM_STRIPPED,    /* content, sender, state_key, type only */
	EVENT_FORM_DATED,       /* the same with origin_server_ts: children of spaces */
	EVENT_FORM_FEDERATION,  /* as servers exchange it, but for its unsigned: filter's event_format */
};

/*
 * Appends the form for clients, spliced from the canonical bytes without building a tree. Only the members that
 * ClientEvent names are taken over (content, origin_server_ts, redacts, sender, state_key, type), so that a peer
 * cannot plant others (EVENT_FORM_FEDERATION: all, whoever asks for it); event_id, room_id and unsigned (may be NULL)
 * are ours. A redaction gets `redacts`
 * at both places where clients look (Room Version 11); where both stand already, both stay.
 * `canonical` must be an event that event_build() or event_parse() made, or its redacted form.
 */
void event_put_client(struct buf *buf, str canonical, str event_id, str room_id, enum event_form form,
                      const struct event_unsigned *unsigned_data);

#endif
