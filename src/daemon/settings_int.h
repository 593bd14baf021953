/* Private to the settings: the rows as a table. */
#ifndef EXEUNT_DAEMON_SETTINGS_INT_H
#define EXEUNT_DAEMON_SETTINGS_INT_H

#include "daemon/settings.h"

enum { SETTINGS_MAX = 128 };

enum setting_kind { KIND_TEXT, KIND_INTEGER, KIND_BOOL, KIND_CHOICE, KIND_VERSION };

struct setting {
	str section, name;     /* NUL-terminated literals */
	enum setting_kind kind;
	size_t offset;         /* in struct settings */
	str text;              /* default of TEXT, CHOICE and VERSION */
	int64_t number;        /* default of INTEGER and BOOL */
	int64_t least, greatest;
	str choices;
	str help;
};

const struct setting *settings_rows(size_t *ret_count);
MUST_CHECK enum rc setting_assign(struct settings *settings, const struct setting *row, struct arena *arena, str value,
                                  struct fail *fail);

#endif
