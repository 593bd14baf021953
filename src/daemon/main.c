/* The program: reads the command line, arms the fault point that a test asks for, runs a subcommand. */
#include "base/fault.h"
#include "daemon/options.h"
#include "daemon/serve.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTIONS_ARENA_BYTES = 8 * 1024 * 1024, STATUS_USAGE = 2 };

static const char help_text[] =
	"usage: exeunt serve [--config FILE] [--data DIR] [--listen ADDRESS:PORT]\n"
	"                    [--server-name NAME] [--set SECTION.NAME=VALUE]...\n";

/* True when there is nothing to arm or it is armed. */
static bool arm_fault(void)
{
	const char *spec = getenv("EXEUNT_FAULT");
	return !spec || !*spec || fault_arm(str_of(spec)) == RC_OK;
}

int main(int argc, char **argv)
{
	struct arena CLEANUP(arena_release) arena;
	struct options options;
	struct fail fail = {0};
	arena_init(&arena, OPTIONS_ARENA_BYTES);
	if (!arm_fault()) {
		fprintf(stderr, "exeunt: EXEUNT_FAULT takes NAME:K or NAME:K:fail\n");
		return STATUS_USAGE;
	}
	fail.rc = options_parse(&arena, argc, argv, &options, &fail);
	if (fail.rc != RC_OK) {
		fprintf(stderr, "exeunt: %s\n", fail_message(&fail));
		return STATUS_USAGE;
	}
	if (options.version) {
		printf("exeunt %s\n", EXEUNT_VERSION);
		return 0;
	}
	if (options.help) {
		fputs(help_text, stdout);
		return 0;
	}
	if (options.word_count != 1 || !str_eq(options.words[0], STR("serve"))) {
		fputs(help_text, stderr);
		return STATUS_USAGE;
	}
	return serve(&options.settings);
}
