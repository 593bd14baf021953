/*
 * The configuration file: YAML through libcyaml. The schema is made from the rows: a mapping of sections, each a mapping of
 * optional scalars, read as text and then judged by the row, so that file and --set obey the same rules.
 */
#include "base/buf.h"
#include "daemon/settings_int.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1024 * 1024, SCALAR_MAX_BYTES = 8192 };

struct loading {
	str path, text;
	struct arena *arena;
	struct fail *fail;
	char said[FAIL_MESSAGE_MAX]; /* libcyaml's own words: the first of them name the cause */
};

PRINTF(3, 0) static void keep_words(cyaml_log_t level, void *self, const char *format, va_list args)
{
	struct loading *loading = self;
	size_t used = strlen(loading->said);
	if (level < CYAML_LOG_ERROR || used + 1 >= sizeof loading->said)
		return;
	vsnprintf(loading->said + used, sizeof loading->said - used, format, args);
	for (char *at = loading->said + used; *at; at++)
		if (*at == '\n')
			*at = at[1] ? ';' : '\0';
}

/* The line of "name:" in the section, counted from 1; 0 when it is written in some other style. */
static int line_of(str text, str section, str name)
{
	str line;
	int number = 0;
	bool inside = false;
	while (str_split(&text, '\n', &line)) {
		number++;
		str trimmed = str_trim(line);
		if (!trimmed.n || trimmed.p[0] == '#')
			continue;
		str key = str_trim(str_first(trimmed, str_find(trimmed, ':')));
		if (line.p == trimmed.p)
			inside = str_eq(key, section);
		else if (inside && str_eq(key, name))
			return number;
	}
	return 0;
}

static enum rc apply_scalar(struct loading *loading, struct settings *settings, const struct setting *row,
                            const char *value)
{
	struct fail why = {0};
	enum rc rc = setting_assign(settings, row, loading->arena, str_of(value), &why);
	if (rc == RC_OK)
		return RC_OK;
	return fail_set(loading->fail, rc, "%.*s:%d: %s", STR_ARG(loading->path),
	                line_of(loading->text, row->section, row->name), fail_message(&why));
}

/* One loaded section: its scalars by row, NULL where the file is silent. */
struct loaded {
	char *scalars[SETTINGS_MAX];
};

struct schema {
	cyaml_schema_field_t section_fields[SETTINGS_MAX + 1];
	cyaml_schema_field_t scalar_fields[SETTINGS_MAX + SETTINGS_MAX];
	cyaml_schema_value_t top;
};

static cyaml_schema_field_t scalar_field(const struct setting *row, size_t index)
{
	return (cyaml_schema_field_t){
		.key = row->name.p,
		.data_offset = (uint32_t)(index * sizeof(char *)),
		.value = {
			.type = CYAML_STRING,
			.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			.data_size = sizeof(char),
			.string = {.min = 0, .max = SCALAR_MAX_BYTES},
		},
	};
}

static cyaml_schema_field_t section_field(const struct setting *first, const cyaml_schema_field_t *scalars)
{
	return (cyaml_schema_field_t){
		.key = first->section.p,
		.data_offset = 0, /* every section lies over the same array: a row has its own place in it */
		.value = {
			.type = CYAML_MAPPING,
			.flags = CYAML_FLAG_OPTIONAL,
			.data_size = sizeof(struct loaded),
			.mapping = {.fields = scalars},
		},
	};
}

static void schema_make(struct schema *schema)
{
	size_t count, sections = 0, scalars = 0;
	const struct setting *rows = settings_rows(&count);
	*schema = (struct schema){0};
	for (size_t i = 0; i < count; i++) {
		bool first = i == 0 || !str_eq(rows[i].section, rows[i - 1].section);
		if (first) {
			scalars += i > 0; /* the terminator of the section before */
			schema->section_fields[sections++] = section_field(&rows[i], &schema->scalar_fields[scalars]);
		}
		schema->scalar_fields[scalars++] = scalar_field(&rows[i], i);
	}
	schema->top = (cyaml_schema_value_t){
		.type = CYAML_MAPPING,
		.flags = CYAML_FLAG_POINTER,
		.data_size = sizeof(struct loaded),
		.mapping = {.fields = schema->section_fields},
	};
}

static enum rc apply_all(struct loading *loading, struct settings *settings, const struct loaded *loaded)
{
	size_t count;
	const struct setting *rows = settings_rows(&count);
	for (size_t i = 0; i < count; i++)
		if (loaded->scalars[i])
			TRY(apply_scalar(loading, settings, &rows[i], loaded->scalars[i]));
	return RC_OK;
}

static enum rc load_text(struct loading *loading, struct settings *settings)
{
	struct schema schema;
	struct loaded *loaded = NULL;
	schema_make(&schema);
	cyaml_config_t config = {
		.log_fn = keep_words,
		.log_ctx = loading,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_DEFAULT,
	};
	cyaml_err_t error = cyaml_load_data((const uint8_t *)loading->text.p, loading->text.n, &config, &schema.top,
	                                    (cyaml_data_t **)&loaded, NULL);
	if (error == CYAML_OK && !loaded)
		return RC_OK; /* nothing but comments */
	if (error != CYAML_OK)
		return fail_set(loading->fail, RC_INVALID_PARAM, "%.*s: %s", STR_ARG(loading->path),
		                loading->said[0] ? loading->said : cyaml_strerror(error));
	enum rc rc = apply_all(loading, settings, loaded);
	cyaml_free(&config, &schema.top, loaded, 0);
	return rc;
}

static enum rc read_file(struct arena *arena, str path, str *ret_text, struct fail *fail)
{
	char *name = arena_cstr(arena, path);
	char *text = arena_alloc(arena, FILE_MAX_BYTES);
	TRY(arena_status(arena));
	FILE *file = fopen(name, "re");
	if (!file)
		return fail_set(fail, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot read %s: %s", name, strerror(errno));
	size_t n = fread(text, 1, FILE_MAX_BYTES, file);
	bool failed = ferror(file) || !feof(file);
	fclose(file);
	if (failed)
		return fail_set(fail, RC_IO, "cannot read %s whole (at most %d bytes)", name, FILE_MAX_BYTES);
	*ret_text = str_bytes(text, n);
	return RC_OK;
}

enum rc settings_load(struct settings *settings, struct arena *arena, str path, struct fail *fail)
{
	struct loading loading = {.path = path, .arena = arena, .fail = fail};
	TRY(read_file(arena, path, &loading.text, fail));
	return load_text(&loading, settings);
}
