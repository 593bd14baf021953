/*
 * Settings: every one has a default, so the server runs without a configuration file. The rows
 * stand in settings.def. Sources, later ones win: defaults, the file, command-line options and
 * --set. Main thread, at start-up only.
 */
#ifndef EXEUNT_DAEMON_SETTINGS_H
#define EXEUNT_DAEMON_SETTINGS_H

#include "base/arena.h"
#include "core/account/turn.h"

/*
 * settings.server_name, settings.http_listen, …: TEXT and VERSION are str, INTEGER and CHOICE int64_t,
 * BOOL bool.
 */
struct settings {
#define SETTING_TEXT(section, name, value, least, greatest, help) str section##_##name;
#define SETTING_INTEGER(section, name, value, least, greatest, help) int64_t section##_##name;
#define SETTING_BOOL(section, name, value, help) bool section##_##name;
#define SETTING_CHOICE(section, name, value, choices, help) int64_t section##_##name;
#define SETTING_VERSION(section, name, value, help) str section##_##name;
#include "daemon/settings.def"
#undef SETTING_TEXT
#undef SETTING_INTEGER
#undef SETTING_BOOL
#undef SETTING_CHOICE
#undef SETTING_VERSION
};

/* Texts live in `arena`. */
void settings_default(struct settings *settings);

/*
 * "section.name=value". RC_INVALID_PARAM with a sentence that names the setting and what it takes.
 */
MUST_CHECK enum rc settings_set(struct settings *settings, struct arena *arena, str assignment, struct fail *fail);

/*
 * Reads a YAML file. RC_INVALID_PARAM with file, line, key and reason; RC_NOT_FOUND, RC_FORBIDDEN,
 * RC_IO.
 */
MUST_CHECK enum rc settings_load(struct settings *settings, struct arena *arena, str path, struct fail *fail);

/* ADDRESS:PORT or [ADDRESS]:PORT, the address numeric. False when `text` is neither. */
MUST_CHECK bool listen_parse(str text, str *ret_host, uint16_t *ret_port);

/*
 * What no single row can judge: the server name, the listen address, settings that contradict each
 * other. RC_INVALID_PARAM with a sentence that names them.
 */
MUST_CHECK enum rc settings_check(const struct settings *settings, struct fail *fail);

/* As they stand: the secret is not read from its file. */
struct turn_config settings_turn(const struct settings *settings);

/* The commented example of the configuration file: every setting with its help and default. */
MUST_CHECK enum rc settings_example(struct arena *arena, str *ret_text);

#endif
