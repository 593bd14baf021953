/*
 * Each rule has an event that it refuses and one that differs in nothing but what the rule asks for, and is allowed.
 * The last test sees to it that no rule of auth_rules.def is left out, in any version.
 */
#include "base/test.h"

#include "graph/room.h"

#include <stdio.h>

struct rule_test {
	const char *v10, *v12; /* numbers; v11 counts as v10 does. NULL: the version has no such rule */
	struct auth_case refused, allowed;
};

/* Rules that only old versions have, or that they read otherwise. */
struct old_rule_test {
	int since, until;      /* versions */
	const char *rule;      /* number in these versions */
	struct auth_case refused, allowed;
};

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

#define MEMBER(from, of, what) .type = "m.room.member", .sender = from, .state_key = of, .content = what
#define JOIN "{\"membership\":\"join\"}"
#define INVITE "{\"membership\":\"invite\"}"
#define LEAVE "{\"membership\":\"leave\"}"
#define BAN "{\"membership\":\"ban\"}"
#define KNOCK "{\"membership\":\"knock\"}"
#define AUTHORISED(by) "{\"join_authorised_via_users_server\":\"" by "\",\"membership\":\"join\"}"
#define CREATE_ID "$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CREATE(what) .type = "m.room.create", .sender = "@creator:a", .state_key = "", .content = what, .prev = ""
#define MESSAGE(from) .type = "m.room.message", .sender = from, .content = "{}"
#define STATE(kind, from, key) .type = kind, .sender = from, .state_key = key, .content = "{}"
#define POWER(from, what) .type = "m.room.power_levels", .sender = from, .state_key = "", .content = what
#define BANS_AT(level) "{\"ban\":" level ",\"users\":{\"@admin:a\":100,\"@mod:a\":50}}"
#define INVITES_AT(level) "{\"invite\":" level ",\"users\":{\"@mod:a\":50}}"
#define KICKS_AT(level) "{\"kick\":" level ",\"users\":{\"@mod:a\":50}}"

/* Signed by the seed of the specification's vectors, over {"mxid":"@left:a","token":"tok"}. */
#define KEY "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI"
#define SIGNATURE \
	"4p0oGdRRHQ5aqJs0WQTiUObkSN+1w3e1EY2p0P0a3nWjfBUsWa8bkz4TJMe2TURRHT8IgpR1ubgUnLGsyz5CAg"
#define THIRD_PARTY(signed_part) "{\"membership\":\"invite\",\"third_party_invite\":" signed_part "}"
#define SIGNED(mxid, token, signature) \
	"{\"signed\":{\"mxid\":\"" mxid "\",\"signatures\":{\"id\":{\"ed25519:0\":\"" signature "\"}},\"token\":\"" \
	token "\"}}"
#define KEYS "{\"public_key\":\"" KEY "\"}"
/* A key with both letters in which the alphabets of base64 differ, and its signature of the same. */
#define KEY_STANDARD "m+Mod5WQeAlAfhRDn/GY1b/H3Ob5vHQ8s2kUb2ELSAE"
#define KEY_URL "m-Mod5WQeAlAfhRDn_GY1b_H3Ob5vHQ8s2kUb2ELSAE"
#define SIGNATURE_OF_IT \
	"MczOMarJTUxTGLo7YYV5kBCwg3LZQwRLr3PKcbx7DWSu0v+gAKLH4Av0UnACf0u7ngNpGUPziFhJy/fpLMINBQ"
#define SOME_BAD(n) "\"a" n "\":\"AAAA\","
#define FIVE_BAD(n) SOME_BAD(n "1") SOME_BAD(n "2") SOME_BAD(n "3") SOME_BAD(n "4") SOME_BAD(n "5")
/* The right signature behind so many wrong ones. */
#define BEHIND(bad) \
	"{\"signed\":{\"mxid\":\"@left:a\",\"signatures\":{\"id\":{" bad "\"z\":\"" SIGNATURE "\"}},\"token\":\"tok\"}}"
#define OTHER_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* The default levels with one change in it: BASE(…) has the place for it at its end. */
#define EVENTS "\"events\":{\"m.room.name\":50,\"m.room.power_levels\":50,\"org.example.high\":75}"
#define PLAIN "\"ban\":50,\"invite\":0,\"kick\":50,\"redact\":50,\"state_default\":50,\"users_default\":0"
#define NOTIFICATIONS "\"notifications\":{\"room\":50}"
#define USERS "\"users\":{\"@admin:a\":100,\"@mod:a\":50}"
#define SAME_POWER "{" EVENTS "," NOTIFICATIONS "," PLAIN "," USERS "}"

static const struct rule_test rules[] = {
	/* 1: create */
	{"1.1", "1.1", {.type = "m.room.create", .sender = "@creator:a", .state_key = "",
	                .content = "{\"creator\":\"@creator:a\"}"},
	 {CREATE("{\"creator\":\"@creator:a\"}")}},
	{"1.2", NULL, {CREATE("{\"creator\":\"@creator:a\"}"), .room_id = "!room:b"},
	 {CREATE("{\"creator\":\"@creator:a\"}"), .room_id = "!room:a"}},
	{NULL, "1.2", {CREATE("{}"), .room_id = "!room:a"}, {CREATE("{}")}},
	{"1.3", "1.3", {CREATE("{\"creator\":\"@creator:a\",\"room_version\":\"nonsense\"}")},
	 {CREATE("{\"creator\":\"@creator:a\",\"room_version\":\"12\"}")}},
	{"1.3", "1.3", {CREATE("{\"creator\":\"@creator:a\",\"room_version\":12}")},
	 {CREATE("{\"creator\":\"@creator:a\",\"room_version\":\"10\"}")}},
	{NULL, "1.4", {CREATE("{\"additional_creators\":\"@b:a\"}")}, {CREATE("{\"additional_creators\":[\"@b:a\"]}")}},
	{NULL, "1.4", {CREATE("{\"additional_creators\":[\"@b:a\",\"b\"]}")}, {CREATE("{\"additional_creators\":[]}")}},
	{NULL, "1.4", {CREATE("{\"additional_creators\":[5]}")}, {CREATE("{\"additional_creators\":[\"@B c:a\"]}")}},

	/* 2 and 3: the room */
	{NULL, "2", {MESSAGE("@user:a"), .room_id = "!bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}, {MESSAGE("@user:a")}},
	{NULL, "2", {MESSAGE("@user:a"), .create = ""}, {MESSAGE("@user:a")}},
	{"2.4", NULL, {MESSAGE("@user:a"), .create = ""}, {MESSAGE("@user:a")}},
	{"2.5", NULL, {MESSAGE("@user:a"), .room_id = "!other:a"}, {MESSAGE("@user:a")}},
	{"3", "4", {MESSAGE("@remote:b"), .create = "{\"creator\":\"@creator:a\",\"m.federate\":false}"},
	 {MESSAGE("@remote:b"), .create = "{\"creator\":\"@creator:a\",\"m.federate\":true}"}},
	{"3", "4", {MESSAGE("@remote:b"), .create = "{\"creator\":\"@creator:a\",\"m.federate\":false}"},
	 {MESSAGE("@user:a"), .create = "{\"creator\":\"@creator:a\",\"m.federate\":false}"}},

	/* 4.1: shape of members */
	{"4.1", "5.1", {.type = "m.room.member", .sender = "@user:a", .content = LEAVE}, {MEMBER("@user:a", "@user:a", LEAVE)}},
	{"4.1", "5.1", {MEMBER("@user:a", "@user:a", "{}")}, {MEMBER("@user:a", "@user:a", LEAVE)}},
	{"4.1", "5.1", {MEMBER("@user:a", "@user:a", "{\"membership\":1}")}, {MEMBER("@user:a", "@user:a", LEAVE)}},
	{"4.8", "5.8", {MEMBER("@user:a", "@user:a", "{\"membership\":\"dance\"}")}, {MEMBER("@user:a", "@user:a", JOIN)}},

	/* 4.3: join */
	{"4.3.7", "5.3.7", {MEMBER("@left:a", "@left:a", JOIN), .prev = CREATE_ID},
	 {MEMBER("@creator:a", "@creator:a", JOIN), .prev = CREATE_ID, .join_rule = "private"}},
	{"4.3.7", "5.3.7", {MEMBER("@creator:a", "@creator:a", JOIN), .join_rule = "private"},
	 {MEMBER("@creator:a", "@creator:a", JOIN), .prev = CREATE_ID, .join_rule = "private"}},
	{"4.3.2", "5.3.2", {MEMBER("@mod:a", "@left:a", JOIN), .join_rule = "public"},
	 {MEMBER("@left:a", "@left:a", JOIN), .join_rule = "public"}},
	{"4.3.3", "5.3.3", {MEMBER("@banned:a", "@banned:a", JOIN), .join_rule = "public"},
	 {MEMBER("@knocker:a", "@knocker:a", JOIN), .join_rule = "public"}},
	{"4.3.7", "5.3.7", {MEMBER("@left:a", "@left:a", JOIN)}, {MEMBER("@invited:a", "@invited:a", JOIN)}},
	{"4.3.7", "5.3.7", {MEMBER("@left:a", "@left:a", JOIN), .join_rule = ""},
	 {MEMBER("@user:a", "@user:a", JOIN), .join_rule = ""}},
	{"4.3.7", "5.3.7", {MEMBER("@knocker:a", "@knocker:a", JOIN), .join_rule = "knock", .since = 7},
	 {MEMBER("@invited:a", "@invited:a", JOIN), .join_rule = "knock"}},
	{"4.3.7", "5.3.7", {MEMBER("@invited:a", "@invited:a", JOIN), .join_rule = "private"},
	 {MEMBER("@invited:a", "@invited:a", JOIN), .join_rule = "invite"}},
	{"4.3.5.2", "5.3.5.2", {MEMBER("@left:a", "@left:a", JOIN), .join_rule = "restricted"},
	 {MEMBER("@left:a", "@left:a", AUTHORISED("@user:a")), .join_rule = "restricted"}},
	{"4.3.5.2", "5.3.5.2", {MEMBER("@left:a", "@left:a", AUTHORISED("@invited:a")), .join_rule = "restricted", .since = 10},
	 {MEMBER("@left:a", "@left:a", AUTHORISED("@user:a")), .join_rule = "knock_restricted"}},
	{"4.3.5.2", "5.3.5.2",
	 {MEMBER("@left:a", "@left:a", AUTHORISED("@user:a")), .join_rule = "knock_restricted", .power = INVITES_AT("50"), .since = 10},
	 {MEMBER("@left:a", "@left:a", AUTHORISED("@mod:a")), .join_rule = "knock_restricted", .power = INVITES_AT("50")}},
	{"4.3.5.2", "5.3.5.2", {MEMBER("@left:a", "@left:a", AUTHORISED("@nobody:a")), .join_rule = "restricted"},
	 {MEMBER("@invited:a", "@invited:a", JOIN), .join_rule = "restricted"}},
	{"4.3.5.2", "5.3.5.2", {MEMBER("@knocker:a", "@knocker:a", JOIN), .join_rule = "knock_restricted", .since = 10},
	 {MEMBER("@user:a", "@user:a", JOIN), .join_rule = "restricted"}},

	/* 4.4: invite */
	{"4.4.1.1", "5.4.1.1",
	 {MEMBER("@mod:a", "@banned:a", THIRD_PARTY(SIGNED("@banned:a", "tok", SIGNATURE))), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.2", "5.4.1.2", {MEMBER("@mod:a", "@left:a", THIRD_PARTY("{}")), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.2", "5.4.1.2", {MEMBER("@mod:a", "@left:a", THIRD_PARTY("5")), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", INVITE), .invite_keys = KEYS}},
	{"4.4.1.3", "5.4.1.3", {MEMBER("@mod:a", "@left:a", THIRD_PARTY("{\"signed\":{\"token\":\"tok\"}}")), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.3", "5.4.1.3", {MEMBER("@mod:a", "@left:a", THIRD_PARTY("{\"signed\":{\"mxid\":\"@left:a\"}}")), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.4", "5.4.1.4",
	 {MEMBER("@mod:a", "@other:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.5", "5.4.1.5", {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE)))},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.6", "5.4.1.6",
	 {MEMBER("@admin:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.8", "5.4.1.8",
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))),
	  .invite_keys = "{\"public_key\":\"" OTHER_KEY "\"}"},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))),
	  .invite_keys = "{\"public_key\":\"" OTHER_KEY "\",\"public_keys\":[5,{\"public_key\":\"" KEY "\"}]}"}},
	{"4.4.1.8", "5.4.1.8",
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", "AAAA"))), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE))), .invite_keys = KEYS}},
	{"4.4.1.8", "5.4.1.8",
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE_OF_IT))), .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE_OF_IT))),
	  .invite_keys = "{\"public_key\":\"" KEY_URL "\"}"}},
	{"4.4.1.8", "5.4.1.8",
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE_OF_IT))),
	  .invite_keys = "{\"public_key\":\"AAAA\",\"public_keys\":{\"x\":{\"public_key\":5}}}"},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(SIGNED("@left:a", "tok", SIGNATURE_OF_IT))),
	  .invite_keys = "{\"public_key\":\"AAAA\",\"public_keys\":[{\"public_key\":\"" KEY_STANDARD "\"}]}"}},
	{"4.4.1.8", "5.4.1.8", /* sixteen signatures are looked at */
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(BEHIND(FIVE_BAD("1") FIVE_BAD("2") FIVE_BAD("3") SOME_BAD("4")))),
	  .invite_keys = KEYS},
	 {MEMBER("@mod:a", "@left:a", THIRD_PARTY(BEHIND(FIVE_BAD("1") FIVE_BAD("2") FIVE_BAD("3")))),
	  .invite_keys = KEYS}},
	{"4.4.2", "5.4.2", {MEMBER("@left:a", "@new:a", INVITE)}, {MEMBER("@user:a", "@new:a", INVITE)}},
	{"4.4.3", "5.4.3", {MEMBER("@user:a", "@mod:a", INVITE)}, {MEMBER("@user:a", "@left:a", INVITE)}},
	{"4.4.3", "5.4.3", {MEMBER("@user:a", "@banned:a", INVITE)}, {MEMBER("@user:a", "@invited:a", INVITE)}},
	{"4.4.5", "5.4.5", {MEMBER("@user:a", "@new:a", INVITE), .power = INVITES_AT("50")},
	 {MEMBER("@mod:a", "@new:a", INVITE), .power = INVITES_AT("50")}},

	/* 4.5: leave, kick, unban */
	{"4.5.1", "5.5.1", {MEMBER("@left:a", "@left:a", LEAVE)}, {MEMBER("@user:a", "@user:a", LEAVE)}},
	{"4.5.1", "5.5.1", {MEMBER("@banned:a", "@banned:a", LEAVE)}, {MEMBER("@invited:a", "@invited:a", LEAVE)}},
	{"4.5.1", "5.5.1", {MEMBER("@nobody:a", "@nobody:a", LEAVE), .since = 7}, {MEMBER("@knocker:a", "@knocker:a", LEAVE)}},
	{"4.5.2", "5.5.2", {MEMBER("@left:a", "@user:a", LEAVE), .power = "{\"users_default\":0,\"users\":{\"@left:a\":100}}"},
	 {MEMBER("@admin:a", "@user:a", LEAVE)}},
	{"4.5.3", "5.5.3", {MEMBER("@mod:a", "@banned:a", LEAVE), .power = BANS_AT("75")},
	 {MEMBER("@admin:a", "@banned:a", LEAVE), .power = BANS_AT("75")}},
	{"4.5.3", "5.5.3", {MEMBER("@mod:a", "@banned:a", LEAVE), .power = BANS_AT("51")},
	 {MEMBER("@mod:a", "@banned:a", LEAVE), .power = BANS_AT("50")}},
	{"4.5.5", "5.5.5", {MEMBER("@user:a", "@remote:b", LEAVE)}, {MEMBER("@mod:a", "@remote:b", LEAVE)}},
	{"4.5.5", "5.5.5", {MEMBER("@mod:a", "@admin:a", LEAVE)}, {MEMBER("@admin:a", "@mod:a", LEAVE)}},
	{"4.5.5", "5.5.5", {MEMBER("@mod:a", "@user:a", LEAVE), .power = KICKS_AT("60")},
	 {MEMBER("@mod:a", "@user:a", LEAVE), .power = KICKS_AT("50")}},
	{"4.5.5", "5.5.5", {MEMBER("@user:a", "@invited:a", LEAVE)}, {MEMBER("@mod:a", "@invited:a", LEAVE)}},

	/* 4.6: ban */
	{"4.6.1", "5.6.1", {MEMBER("@left:a", "@user:a", BAN), .power = "{\"users\":{\"@left:a\":100}}"},
	 {MEMBER("@admin:a", "@user:a", BAN)}},
	{"4.6.3", "5.6.3", {MEMBER("@user:a", "@remote:b", BAN)}, {MEMBER("@mod:a", "@remote:b", BAN)}},
	{"4.6.3", "5.6.3", {MEMBER("@mod:a", "@admin:a", BAN)}, {MEMBER("@admin:a", "@mod:a", BAN)}},
	{"4.6.3", "5.6.3", {MEMBER("@mod:a", "@user:a", BAN), .power = BANS_AT("75")},
	 {MEMBER("@mod:a", "@user:a", BAN), .power = BANS_AT("50")}},

	/* 4.7: knock */
	{"4.7.1", "5.7.1", {MEMBER("@left:a", "@left:a", KNOCK)}, {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock"}},
	{"4.7.1", "5.7.1", {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "restricted", .since = 10},
	 {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock_restricted"}},
	{"4.7.2", "5.7.2", {MEMBER("@user:a", "@left:a", KNOCK), .join_rule = "knock"},
	 {MEMBER("@new:a", "@new:a", KNOCK), .join_rule = "knock"}},
	{"4.7.4", "5.7.4", {MEMBER("@banned:a", "@banned:a", KNOCK), .join_rule = "knock"},
	 {MEMBER("@knocker:a", "@knocker:a", KNOCK), .join_rule = "knock"}},
	{"4.7.4", "5.7.4", {MEMBER("@invited:a", "@invited:a", KNOCK), .join_rule = "knock"},
	 {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock"}},
	{"4.7.4", "5.7.4", {MEMBER("@user:a", "@user:a", KNOCK), .join_rule = "knock"},
	 {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock"}},

	/* 5 to 8 */
	{"5", "6", {MESSAGE("@left:a")}, {MESSAGE("@user:a")}},
	{"5", "6", {MESSAGE("@invited:a")}, {MESSAGE("@remote:b")}},
	{"6.1", "7.1", {STATE("m.room.third_party_invite", "@user:a", "t"), .power = INVITES_AT("50")},
	 {STATE("m.room.third_party_invite", "@mod:a", "t"), .power = INVITES_AT("50")}},
	{"6.1", "7.1", {STATE("m.room.third_party_invite", "@user:a", "t"), .power = INVITES_AT("1")},
	 {STATE("m.room.third_party_invite", "@user:a", "t"), .power = INVITES_AT("0")}},
	{"7", "8", {STATE("m.room.topic", "@user:a", "")}, {STATE("m.room.topic", "@mod:a", "")}},
	{"7", "8", {.type = "org.example.high", .sender = "@mod:a", .content = "{}"},
	 {.type = "org.example.high", .sender = "@admin:a", .content = "{}"}},
	{"7", "8", {MESSAGE("@user:a"), .power = "{\"events_default\":1}"}, {MESSAGE("@user:a"), .power = "{\"events_default\":0}"}},
	{"7", "8", {STATE("org.example.x", "@user:a", ""), .power = ""}, {STATE("org.example.x", "@creator:a", ""), .power = ""}},
	{"8", "9", {STATE("org.example.x", "@admin:a", "@user:a")}, {STATE("org.example.x", "@admin:a", "@admin:a")}},
	{"8", "9", {STATE("org.example.x", "@admin:a", "@")}, {STATE("org.example.x", "@admin:a", "user:a")}},

	/* 9: power levels */
	{"9.1", "10.1", {POWER("@admin:a", "{\"ban\":\"50\"}"), .power = "{\"users\":{\"@admin:a\":100}}"},
	 {POWER("@admin:a", "{\"ban\":50,\"users\":{\"@admin:a\":100}}"), .power = "{\"users\":{\"@admin:a\":100}}"}},
	{"9.1", "10.1", {POWER("@admin:a", "{\"users_default\":null}")}, {POWER("@admin:a", SAME_POWER)}},
	{"9.1", "10.1", {POWER("@admin:a", "{\"events_default\":true}")}, {POWER("@admin:a", SAME_POWER)}},
	{"9.1", "10.1", {POWER("@admin:a", "{\"state_default\":[]}")}, {POWER("@admin:a", SAME_POWER)}},
	{"9.1", "10.1", {POWER("@admin:a", "{\"redact\":{}}")}, {POWER("@admin:a", SAME_POWER)}},
	{"9.1", "10.1", {POWER("@admin:a", "{\"kick\":\"\"}")}, {POWER("@admin:a", SAME_POWER)}},
	{"9.1", "10.1", {POWER("@admin:a", "{\"invite\":\"0\"}")}, {POWER("@admin:a", SAME_POWER)}},
	{"9.2", "10.2", {POWER("@admin:a", "{\"events\":[]}")}, {POWER("@admin:a", "{\"events\":{}}")}},
	{"9.2", "10.2", {POWER("@admin:a", "{\"events\":{\"m.room.name\":\"50\"}}")}, {POWER("@admin:a", "{\"events\":{\"m.room.name\":50}}")}},
	{"9.2", "10.2", {POWER("@admin:a", "{\"notifications\":{\"room\":\"50\"}}")}, {POWER("@admin:a", "{\"notifications\":{\"room\":20}}")}},
	{"9.2", "10.2", {POWER("@admin:a", "{\"notifications\":5}")}, {POWER("@admin:a", "{}")}},
	{"9.3", "10.3", {POWER("@admin:a", "{\"users\":[]}")}, {POWER("@admin:a", "{\"users\":{}}")}},
	{"9.3", "10.3", {POWER("@admin:a", "{\"users\":{\"user\":1}}")}, {POWER("@admin:a", "{\"users\":{\"@user:a\":1}}")}},
	{"9.3", "10.3", {POWER("@admin:a", "{\"users\":{\"@user:a\":\"1\"}}"), .since = 10}, {POWER("@admin:a", "{\"users\":{\"@user:a\":-1}}")}},
	{NULL, "10.4", {POWER("@admin:a", "{\"users\":{\"@creator:a\":100}}")}, {POWER("@admin:a", "{\"users\":{\"@admin:a\":100}}")}},
	{NULL, "10.4",
	 {POWER("@admin:a", "{\"users\":{\"@second:a\":5}}"), .create = "{\"additional_creators\":[\"@second:a\"]}"},
	 {POWER("@admin:a", "{\"users\":{\"@second:a\":5}}"), .create = "{}"}},
	{"9.5.1", "10.6.1",
	 {POWER("@mod:a", "{\"ban\":50,\"users\":{\"@admin:a\":100,\"@mod:a\":50}}"), .power = BANS_AT("75")},
	 {POWER("@admin:a", "{\"ban\":50,\"users\":{\"@admin:a\":100,\"@mod:a\":50}}"), .power = BANS_AT("75")}},
	{"9.5.1", "10.6.1", {POWER("@mod:a", "{\"users\":{\"@admin:a\":100,\"@mod:a\":50}}"), .power = BANS_AT("51")},
	 {POWER("@mod:a", "{\"users\":{\"@admin:a\":100,\"@mod:a\":50}}"), .power = BANS_AT("50")}},
	{"9.5.2", "10.6.2", {POWER("@mod:a", "{\"users\":{\"@mod:a\":50},\"kick\":51}"), .power = KICKS_AT("50")},
	 {POWER("@mod:a", "{\"users\":{\"@mod:a\":50},\"kick\":49}"), .power = KICKS_AT("50")}},
	{"9.5.2", "10.6.2", {POWER("@mod:a", "{\"users\":{\"@mod:a\":50},\"kick\":50,\"users_default\":60}"), .power = KICKS_AT("50")},
	 {POWER("@mod:a", "{\"users\":{\"@mod:a\":50},\"kick\":50,\"users_default\":50}"), .power = KICKS_AT("50")}},
	{"9.6.1", "10.7.1",
	 {POWER("@mod:a", "{\"events\":{\"m.room.name\":50,\"m.room.power_levels\":50}," NOTIFICATIONS "," PLAIN "," USERS "}")},
	 {POWER("@mod:a", "{\"events\":{\"m.room.power_levels\":50,\"org.example.high\":75}," NOTIFICATIONS "," PLAIN "," USERS "}")}},
	{"9.6.1", "10.7.1",
	 {POWER("@mod:a", "{\"events\":{\"m.room.power_levels\":50,\"org.example.high\":10}," NOTIFICATIONS "," PLAIN "," USERS "}")},
	 {POWER("@mod:a", SAME_POWER)}},
	{"9.7.1", "10.8.1",
	 {POWER("@mod:a", "{\"events\":{\"a\":51,\"m.room.power_levels\":50,\"org.example.high\":75}," NOTIFICATIONS "," PLAIN "," USERS "}")},
	 {POWER("@mod:a", "{\"events\":{\"a\":50,\"m.room.power_levels\":50,\"org.example.high\":75}," NOTIFICATIONS "," PLAIN "," USERS "}")}},
	{"9.7.1", "10.8.1", {POWER("@mod:a", "{" EVENTS ",\"notifications\":{\"room\":51}," PLAIN "," USERS "}"), .since = 6},
	 {POWER("@mod:a", "{" EVENTS ",\"notifications\":{\"zoom\":50}," PLAIN "," USERS "}")}},
	{"9.8.1", "10.9.1", {POWER("@mod:a", "{" EVENTS "," NOTIFICATIONS "," PLAIN ",\"users\":{\"@mod:a\":50}}")},
	 {POWER("@mod:a", "{" EVENTS "," NOTIFICATIONS "," PLAIN ",\"users\":{\"@admin:a\":100,\"@mod:a\":1}}")}},
	{"9.8.1", "10.9.1",
	 {POWER("@mod:a", "{\"users\":{\"@mod:a\":50,\"@user:a\":40}}"), .power = "{\"users\":{\"@mod:a\":50,\"@user:a\":50}}"},
	 {POWER("@mod:a", "{\"users\":{\"@mod:a\":50,\"@user:a\":40}}"), .power = "{\"users\":{\"@mod:a\":50,\"@user:a\":49}}"}},
	{"9.9.1", "10.10.1", {POWER("@mod:a", "{" EVENTS "," NOTIFICATIONS "," PLAIN ",\"users\":{\"@admin:a\":100,\"@mod:a\":51}}")},
	 {POWER("@mod:a", "{" EVENTS "," NOTIFICATIONS "," PLAIN ",\"users\":{\"@admin:a\":100}}")}},
	{"9.9.1", "10.10.1",
	 {POWER("@mod:a", "{" EVENTS "," NOTIFICATIONS "," PLAIN ",\"users\":{\"@admin:a\":100,\"@mod:a\":50,\"@z:a\":51}}")},
	 {POWER("@mod:a", "{" EVENTS "," NOTIFICATIONS "," PLAIN ",\"users\":{\"@A:a\":50,\"@admin:a\":100,\"@mod:a\":50}}")}},

	/* 9.4: the first power levels of a room may say anything that is well-formed */
	{"9.9.1", "10.10.1", {POWER("@mod:a", "{\"users\":{\"@user:a\":900}}"), .power = "{\"users\":{\"@mod:a\":50}}"},
	 {POWER("@creator:a", "{\"users\":{\"@user:a\":900}}"), .power = ""}},
};

static void judged_as(const struct room_version *version, size_t row, const struct auth_case *c, const char *rule)
{
	char expected[64] = "";
	struct auth_verdict verdict = test_room_judge(&arena, version, c);
	if (rule)
		snprintf(expected, sizeof expected, "v%d:%s", test_version_text(version), rule);
	if (verdict.allowed == !rule && strcmp(verdict.rule, expected) == 0 && (verdict.reason[0] != '\0') == !!rule)
		return;
	print_error("v%.*s, row %zu, %s by %s with %.300s: got %s \"%s\", expected %s\n", STR_ARG(version->name), row, c->type, c->sender, c->content,
	            verdict.rule, verdict.reason, expected);
	fail();
}

/* How a text of before v10 numbers a rule of v10 whose number begins so. Longer beginnings stand first. */
static const struct renumbering {
	int until;             /* this version and those before it */
	const char *v10, *there; /* `there` NULL: it has no such rule */
} renumberings[] = {
	{9, "9.1", NULL}, {9, "9.2", NULL}, {9, "9.3", "9.1"}, {9, "9.5", "9.3"}, {9, "9.6", "9.4"}, {9, "9.7", "9.5"},
	{9, "9.8", "9.6"}, {9, "9.9", "9.7"},
	{7, "4.3.5", NULL}, {7, "4.3.7", "4.2.6"}, {7, "4.3", "4.2"}, {7, "4.4", "4.3"}, {7, "4.5", "4.4"},
	{7, "4.6", "4.5"}, {6, "4.7", NULL}, {7, "4.7", "4.6"}, {6, "4.8", "4.6"}, {7, "4.8", "4.7"},
};

static bool begins(const char *number, const char *with)
{
	size_t n = strlen(with);
	return strncmp(number, with, n) == 0 && (number[n] == '\0' || number[n] == '.');
}

/* The number that a version's text gives to a rule of v10's; NULL: it has none. v1 to v5 have aliases as rule 4. */
static const char *numbered_in(const struct room_version *version, const char *v10, char text[32])
{
	const char *head = "", *tail = v10;
	int number = test_version_number(version);
	if (number >= 10)
		return v10;
	for (size_t i = 0; i < COUNT_OF(renumberings) && !head[0]; i++) {
		if (number > renumberings[i].until || !begins(v10, renumberings[i].v10))
			continue;
		if (!renumberings[i].there)
			return NULL;
		head = renumberings[i].there;
		tail = v10 + strlen(renumberings[i].v10);
	}
	snprintf(text, 32, "%s%s", head, tail);
	if (number <= 5 && text[0] >= '4') {
		char later[32];
		int top = 0, used = 0;
		if (sscanf(text, "%d%n", &top, &used) != 1)
			fail();
		snprintf(later, sizeof later, "%d%s", top + 1, text + used);
		strcpy(text, later);
	}
	return text;
}

static void each_rule(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		for (size_t i = 0; i < COUNT_OF(rules); i++) {
			char text[32];
			const char *rule = versions[v].room_id_from_create ? rules[i].v12 : rules[i].v10;
			if (rule && !versions[v].room_id_from_create)
				rule = numbered_in(&versions[v], rule, text);
			if (!rule || test_version_number(&versions[v]) < rules[i].refused.since)
				continue;
			judged_as(&versions[v], i, &rules[i].refused, rule);
			judged_as(&versions[v], i, &rules[i].allowed, NULL);
		}
	}
}

/* Up to version 10 the creator stands in content, whose word is taken for it. */
static void creator_in_content(void **state)
{
	(void)state;
	static const struct auth_case without = {CREATE("{}")};
	static const struct auth_case first = {MEMBER("@other:a", "@other:a", JOIN), .prev = CREATE_ID,
	                                       .create = "{\"creator\":\"@other:a\"}", .join_rule = ""};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count && !versions[v].implicit_room_creator; v++)
		judged_as(&versions[v], 0, &without, "1.4");
	judged_as(room_version_find(STR("11")), 0, &without, NULL);
	judged_as(room_version_find(STR("12")), 0, &without, NULL);
	judged_as(room_version_find(STR("10")), 1, &first, NULL);
	judged_as(room_version_find(STR("11")), 1, &first, "4.3.7");
	judged_as(room_version_find(STR("12")), 1, &first, "5.3.7");
}

/* In v12 creators stand above everybody, also above any number. */
static void creators_of_v12(void **state)
{
	(void)state;
	static const struct {
		struct auth_case c;
		const char *v11, *v12;
	} rows[] = {
		{{MEMBER("@creator:a", "@admin:a", BAN)}, "4.6.3", NULL},
		{{MEMBER("@admin:a", "@creator:a", BAN)}, NULL, "5.6.3"},
		{{MEMBER("@admin:a", "@creator:a", LEAVE)}, NULL, "5.5.5"},
		{{STATE("m.room.topic", "@creator:a", ""), .power = "{\"state_default\":9007199254740991}"}, "7", NULL},
		{{POWER("@creator:a", "{\"users\":{\"@user:a\":9007199254740991}}")}, "9.5.2", NULL},
		{{POWER("@creator:a", "{}")}, "7", NULL},
		/* One creator cannot be removed by another. */
		{{MEMBER("@creator:a", "@user:a", LEAVE), .create = "{\"additional_creators\":[\"@user:a\"]}"}, "4.5.5", "5.5.5"},
		{{MEMBER("@user:a", "@admin:a", LEAVE), .create = "{\"additional_creators\":[\"@user:a\"]}"}, "4.5.5", NULL},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool level_first = i == 4; /* the creator of v11 has no level of its own here */
		judged_as(room_version_find(STR("11")), i, &rows[i].c, level_first ? "7" : rows[i].v11);
		judged_as(room_version_find(STR("12")), i, &rows[i].c, rows[i].v12);
	}
}

/* A creator's first join needs no rule of joining, but only right behind the create event. */
static void first_join(void **state)
{
	(void)state;
	static const struct auth_case elsewhere = {MEMBER("@left:a", "@left:a", JOIN), .join_rule = "private"};
	static const struct auth_case by_other = {MEMBER("@mod:a", "@creator:a", JOIN), .prev = CREATE_ID};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		char text[32];
		bool is_12 = versions[v].room_id_from_create;
		judged_as(&versions[v], 0, &elsewhere, is_12 ? "5.3.7" : numbered_in(&versions[v], "4.3.7", text));
		judged_as(&versions[v], 1, &by_other, NULL); /* as rule 4.3.1 is written: state_key alone counts */
	}
}

/* Thousands of entries that have nothing in common take a walk, not a search for each. */
static void many_entries(void **state)
{
	(void)state;
	enum { ENTRIES = 3000 };
	struct buf before, after;
	buf_init(&before, &arena, MEBIBYTE);
	buf_init(&after, &arena, MEBIBYTE);
	buf_put(&before, STR("{\"users\":{\"@admin:a\":100"));
	buf_put(&after, STR("{\"users\":{\"@admin:a\":100"));
	for (int i = 0; i < ENTRIES; i++) {
		buf_printf(&before, ",\"@b%06d:a\":1", i);
		buf_printf(&after, ",\"@c%06d:a\":1", i);
	}
	buf_put(&before, STR("}}"));
	buf_put(&after, STR("}}"));
	buf_putc(&before, '\0');
	buf_putc(&after, '\0');
	struct auth_case c = {POWER("@admin:a", after.p), .power = before.p};
	judged_as(room_version_default(), 0, &c, NULL);
	struct auth_case low = {POWER("@c000000:a", after.p), .power = before.p};
	judged_as(room_version_default(), 1, &low, "6");
}

/* Entries that are there before and after are judged by their change, whatever comes or stays beside them. */
static void entries_beside_others(void **state)
{
	(void)state;
	static const struct auth_case lowered = {
		POWER("@mod:a", "{\"users\":{\"@a:a\":0,\"@b:a\":0,\"@mod:a\":50}}"),
		.power = "{\"users\":{\"@b:a\":50,\"@mod:a\":50}}"};
	static const struct auth_case kept = {
		POWER("@mod:a", "{\"notifications\":{\"room\":75},\"users\":{\"@mod:a\":50}}"),
		.power = "{\"notifications\":{\"room\":75},\"users\":{\"@mod:a\":50}}"};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		char text[32];
		bool is_12 = versions[v].room_id_from_create;
		judged_as(&versions[v], 0, &lowered, is_12 ? "10.9.1" : numbered_in(&versions[v], "9.8.1", text));
		judged_as(&versions[v], 1, &kept, NULL);
	}
}

#define ALIASES(from, key) .type = "m.room.aliases", .sender = from, .state_key = key, .content = "{}"
#define REDACTION(from, what) \
	.type = "m.room.redaction", .sender = from, .content = "{}", .redacts = what
#define OLD_POWER "{\"users\":{\"@admin:a\":100,\"@mod:a\":\" +0050 \",\"@user:a\":\"10\"},\"ban\":\"60\"}"

static const struct old_rule_test old_rules[] = {
	{1, 5, "4.1", {.type = "m.room.aliases", .sender = "@left:a", .content = "{}"}, {ALIASES("@left:a", "a")}},
	{1, 5, "4.2", {ALIASES("@left:a", "b")}, {ALIASES("@left:a", "a")}},
	{1, 5, "4.2", {ALIASES("@left:a", "")}, {ALIASES("@remote:b", "b")}},
	{1, 2, "11.3", {REDACTION("@user:a", "$event:b")}, {REDACTION("@user:a", "$event:a")}},
	{1, 2, "11.3", {REDACTION("@user:a", "$event")}, {REDACTION("@mod:a", "$event")}},
	{1, 2, "11.3", {REDACTION("@user:a", "$event:b"), .power = "{\"redact\":1}"},
	 {REDACTION("@user:a", "$event:b"), .power = "{\"redact\":0}"}},
	/* Levels as texts. */
	{1, 5, "10.1", {POWER("@admin:a", "{\"users\":{\"@admin:a\":\"ten\"}}")},
	 {POWER("@admin:a", "{\"users\":{\"@admin:a\":\"10\"}}")}},
	{6, 9, "9.1", {POWER("@admin:a", "{\"users\":{\"@admin:a\":\"1.5\"}}")},
	 {POWER("@admin:a", "{\"users\":{\"@admin:a\":\" -15 \"}}")}},
	{6, 9, "9.1", {POWER("@admin:a", "{\"users\":[]}")}, {POWER("@admin:a", "{\"events\":[]}")}},
	{6, 7, "4.5.3", {MEMBER("@mod:a", "@user:a", BAN), .power = OLD_POWER},
	 {MEMBER("@admin:a", "@mod:a", BAN), .power = OLD_POWER}},
	/* Floats, where JSON is not strict: cut at the point. */
	{1, 5, "5.5.3", {MEMBER("@mod:a", "@user:a", BAN), .power = "{\"ban\":50,\"users\":{\"@mod:a\":49.99}}"},
	 {MEMBER("@mod:a", "@user:a", BAN), .power = "{\"ban\":50,\"users\":{\"@mod:a\":50.99}}"}},
	/* Neither knocks nor restricted joins yet. */
	{1, 5, "5.6", {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock"}, {MEMBER("@user:a", "@user:a", LEAVE)}},
	{6, 6, "4.6", {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock"}, {MEMBER("@user:a", "@user:a", LEAVE)}},
	{7, 7, "4.2.6", {MEMBER("@left:a", "@left:a", AUTHORISED("@mod:a")), .join_rule = "restricted"},
	 {MEMBER("@invited:a", "@invited:a", JOIN), .join_rule = "knock"}},
	{8, 9, "4.3.5.2", {MEMBER("@left:a", "@left:a", AUTHORISED("@left:a")), .join_rule = "restricted"},
	 {MEMBER("@left:a", "@left:a", AUTHORISED("@mod:a")), .join_rule = "restricted"}},
	{8, 9, "4.3.7", {MEMBER("@left:a", "@left:a", AUTHORISED("@mod:a")), .join_rule = "knock_restricted"},
	 {MEMBER("@left:a", "@left:a", AUTHORISED("@mod:a")), .join_rule = "restricted"}},
	{8, 9, "4.7.1", {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock_restricted"},
	 {MEMBER("@left:a", "@left:a", KNOCK), .join_rule = "knock"}},
};

static void rules_of_old_versions(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		int number = test_version_number(&versions[v]);
		for (size_t i = 0; i < COUNT_OF(old_rules); i++) {
			if (number < old_rules[i].since || number > old_rules[i].until)
				continue;
			judged_as(&versions[v], i, &old_rules[i].refused, old_rules[i].rule);
			judged_as(&versions[v], i, &old_rules[i].allowed, NULL);
		}
	}
}

static bool is_tested(const char *v10, const char *v12, bool by_v12)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		const char *number = by_v12 ? rules[i].v12 : rules[i].v10;
		if (number && strcmp(number, by_v12 ? v12 : v10) == 0)
			return true;
	}
	return false;
}

static bool is_tested_as_old(const char *number)
{
	for (size_t i = 0; i < COUNT_OF(old_rules); i++)
		if (strcmp(old_rules[i].rule, number) == 0)
			return true;
	return false;
}

/* The rules on auth_events have their own file, 1.4 of v10 its own test. */
static bool stands_elsewhere(const char *v10, const char *v12)
{
	static const char *const elsewhere[] = {"2.1", "2.2", "2.3", "1.4"};
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
		if (strcmp(v10, elsewhere[i]) == 0)
			return true;
	return strcmp(v12, "3.5") == 0;
}

/* A number of an old version must be the one that the renumbering gives; what v10 has not stands in old_rules. */
static void old_number_is_right(const char *version, const char *number, const char *v10, const char *v12)
{
	char text[32];
	if (!v10[0] && v12[0]) { /* only v12 has it */
		assert_string_equal(number, "");
		return;
	}
	const char *expected = v10[0] ? numbered_in(room_version_find(str_of(version)), v10, text) : NULL;
	if (v10[0])
		assert_string_equal(number, expected ? expected : "");
	else if (number[0] && !is_tested_as_old(number))
		fail_msg("v%s:%s is not tested", version, number);
}

static void no_rule_is_left_out(void **state)
{
	(void)state;
#define AUTH_RULE(name, v1, v3, v6, v7, v8, v10, v11, v12, sentence)                      \
	if (!stands_elsewhere(v10, v12)) {                                                \
		if ((v10)[0] && !is_tested(v10, v12, false))                              \
			fail_msg("v10:%s is not tested", v10);                            \
		if ((v12)[0] && !is_tested(v10, v12, true))                               \
			fail_msg("v12:%s is not tested", v12);                            \
		if ((v11)[0] && strcmp(v10, v11) != 0)                                    \
			fail_msg("v11:%s is numbered otherwise than v10", v11);           \
	}                                                                                 \
	old_number_is_right("1", v1, v10, v12);                                           \
	old_number_is_right("3", v3, v10, v12);                                           \
	old_number_is_right("6", v6, v10, v12);                                           \
	old_number_is_right("7", v7, v10, v12);                                           \
	old_number_is_right("8", v8, v10, v12);
#include "graph/auth_rules.def"
#undef AUTH_RULE
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule),
		cmocka_unit_test(creator_in_content),
		cmocka_unit_test(creators_of_v12),
		cmocka_unit_test(first_join),
		cmocka_unit_test(many_entries),
		cmocka_unit_test(entries_beside_others),
		cmocka_unit_test(rules_of_old_versions),
		cmocka_unit_test(no_rule_is_left_out),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
