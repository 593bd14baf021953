/* What the files of the upgrade share. */
#ifndef EXEUNT_CORE_ROOM_UPGRADE_INT_H
#define EXEUNT_CORE_ROOM_UPGRADE_INT_H

#include "core/room/founding_int.h"

enum {
	UPGRADE_CREATORS_MAX = 500,
	UPGRADE_BANS_MAX = 5000,     /* more stay behind: a server ACL or a bot keeps such lists */
	UPGRADE_CHILDREN_MAX = 5000, /* of a space */
	UPGRADE_OLD_EVENTS = 3,      /* tombstone, canonical alias, power levels */
};

struct upgrade {
	const struct upgrade_wish *wish;
	struct rooms *rooms;
	struct arena *arena;
	struct fail *fail;
	const struct room_version *version; /* of the new room */
	str *creators;                      /* additional ones, each once; none where the version has none */
	size_t creator_count;
	struct room_head *head;             /* of the old room, held */
	struct room_row row;                /* of the old room */
	struct build build;                 /* on its head */
	str *aliases;                       /* local ones of the old room */
	size_t alias_count;
	struct founding founding;           /* of the new room */
	struct room_write writes[UPGRADE_OLD_EVENTS]; /* in the old room */
	size_t write_count;
	str answer;                         /* room id of the replacement */
};

/* The state events that go over as they are, but for those below that have a function. NULL-terminated. */
extern const char *const upgrade_types[];

/* upgrade_content.c: contents as JSON objects in the arena; empty: there is nothing to send. */

/* m.room.create of the new room; `predecessor_event` is the last event of the old one. */
MUST_CHECK enum rc upgrade_create_content(struct upgrade *upgrade, str predecessor_event, str *ret_content);
/*
 * Power levels of the new room. Before v12 the upgrader may need more for the making of it than it had in the old
 * room: `ret_at_first` grants that, and `ret_at_last` (empty when they are the same) takes it back.
 */
MUST_CHECK enum rc upgrade_power_levels(struct upgrade *upgrade, str *ret_at_first, str *ret_at_last);
/* Any other state event of the old room as the new one gets it. */
MUST_CHECK enum rc upgrade_state_content(struct upgrade *upgrade, str type, str *ret_content);
/* Canonical alias: `moved` gives the local aliases, which move; else what stays in the old room. */
MUST_CHECK enum rc upgrade_alias_content(struct upgrade *upgrade, bool moved, str *ret_content);
/* Power levels of the old room, in which from now on only moderators speak and invite. */
MUST_CHECK enum rc upgrade_closed_levels(struct upgrade *upgrade, str *ret_content);

#endif
