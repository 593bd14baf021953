#include "base/test.h"

#include "api/client_address.h"

static struct trusted_proxies proxies_of(const char *text)
{
	struct trusted_proxies proxies;
	assert_rc_of(trusted_proxies_parse(str_of(text), &proxies, NULL), RC_OK, text);
	return proxies;
}

static struct client_address address_of(const char *text)
{
	struct client_address address;
	if (!client_address_parse(str_of(text), &address))
		fail_msg("'%s' is an address", text);
	return address;
}

static void assert_same(struct client_address a, struct client_address b)
{
	assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
}

static void addresses(void **state)
{
	(void)state;
	static const char *const same[][2] = {
	    {"192.0.2.7", "::ffff:192.0.2.7"}, {"192.0.2.7", "192.0.2.7:1"}, {"192.0.2.7", "192.0.2.7:65535"},
	    {"2001:DB8::1", "2001:db8:0:0:0:0:0:1"}, {"2001:db8::1", "[2001:db8::1]"},
	    {"2001:db8::1", "[2001:db8::1]:443"}, {"::1:80", "0:0:0:0:0:0:1:80"}, {"::", "[::]:0"},
	    {"192.0.2.7", "[::ffff:192.0.2.7]:5"},
	};
	static const char *const wrong[] = {
	    "", " ", "unknown", "_hidden", "192.0.2", "192.0.2.256", "192.0.2.7:", "192.0.2.7:x", "192.0.2.7:65536",
	    "192.0.2.7:-1", "192.0.2.7:1:2", "[192.0.2.7]", "[192.0.2.7]:80", "[2001:db8::1", "2001:db8::1]", "[]", "[",
	    "]", ":", "[]:80", "[:]:1", "fe80::1%eth0", "1:2:3", "::1::", "\"192.0.2.7\"", "192.0.2.7/32",
	    "192.0.2.7 192.0.2.8", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	for (size_t i = 0; i < COUNT_OF(same); i++)
		assert_same(address_of(same[i][0]), address_of(same[i][1]));
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct client_address address;
		if (client_address_parse(str_of(wrong[i]), &address))
			fail_msg("'%s' was taken", wrong[i]);
	}
	struct client_address address;
	assert_false(client_address_parse(STR("192.0.2.7\0"), &address));
	assert_false(client_address_parse(STR("::1\0:2"), &address));
}

static void networks(void **state)
{
	(void)state;
	static const struct {
		const char *proxies, *address;
		bool trusted;
	} rows[] = {
	    {"", "192.0.2.7", false},
	    {"192.0.2.7", "192.0.2.7", true},
	    {"192.0.2.7", "192.0.2.6", false},
	    {"192.0.2.7/31", "192.0.2.6", true},
	    {"192.0.2.7/31", "192.0.2.8", false},
	    {"10.0.0.0/8", "10.255.0.1", true},
	    {"10.0.0.0/8", "11.0.0.0", false},
	    {"10.0.0.0/9", "10.127.255.255", true},
	    {"10.0.0.0/9", "10.128.0.0", false},
	    {"0.0.0.0/0", "203.0.113.9", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"::/0", "203.0.113.9", true},
	    {"::/0", "2001:db8::1", true},
	    {"2001:db8::/33", "2001:db8:7fff::1", true},
	    {"2001:db8::/33", "2001:db8:8000::1", false},
	    {"2001:db8::1/128", "2001:db8::1", true},
	    {"2001:db8::1", "2001:db8::", false},
	    {"::1", "127.0.0.1", false},
	    {"::ffff:10.0.0.0/104", "10.1.2.3", true},
	    {"::ffff:10.0.0.0/104", "12.1.2.3", false},
	    {" 192.0.2.1 ,\t2001:db8::1 , 192.0.2.9", "192.0.2.9", true},
	    {"192.0.2.1,2001:db8::1,192.0.2.9", "192.0.2.2", false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trusted_proxies proxies = proxies_of(rows[i].proxies);
		if (is_trusted_proxy(&proxies, address_of(rows[i].address)) != rows[i].trusted)
			fail_msg("%s in %s", rows[i].address, rows[i].proxies);
	}
}

static void wrong_networks_are_named(void **state)
{
	(void)state;
	static const char *const wrong[] = {
	    ",", "192.0.2.1,", ",192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/a", "192.0.2.1/8/8",
	    "2001:db8::/129", "[2001:db8::1]", "192.0.2.1:80", "localhost", "192.0.2.1 192.0.2.2", "/8", " ",
	};
	struct trusted_proxies proxies = {.count = 7};
	struct fail fail = {0};
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_rc_of(trusted_proxies_parse(str_of(wrong[i]), &proxies, &fail), RC_INVALID_PARAM, wrong[i]);
		assert_int_equal(proxies.count, 7);
	}
	assert_rc(trusted_proxies_parse(STR("192.0.2.1, nowhere"), &proxies, &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail_message(&fail), "'nowhere'"));
	char many[TRUSTED_PROXIES_MAX * 4 + 4] = "";
	for (int i = 0; i < TRUSTED_PROXIES_MAX; i++)
		strcat(many, i ? ",::1" : "::1");
	assert_int_equal(proxies_of(many).count, TRUSTED_PROXIES_MAX);
	strcat(many, ",::1");
	assert_rc(trusted_proxies_parse(str_of(many), &proxies, &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail_message(&fail), "at most 32"));
}

static void who_is_believed(void **state)
{
	(void)state;
	static const struct {
		const char *peer, *forwarded, *client;
	} rows[] = {
	    /* From anybody else the header counts for nothing. */
	    {"203.0.113.1", "198.51.100.1", "203.0.113.1"},
	    {"203.0.113.1", "10.0.0.1", "203.0.113.1"},
	    {"2001:db8:2::1", "198.51.100.1", "2001:db8:2::1"},
	    /* From a proxy, its own entry. */
	    {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
	    {"10.0.0.1", "  198.51.100.1\t", "198.51.100.1"},
	    {"10.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
	    {"10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"},
	    {"10.0.0.1", "2001:db8::5", "2001:db8::5"},
	    {"fd00::1", "2001:db8::5", "2001:db8::5"},
	    {"::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
	    /* What its client had written stands further left. */
	    {"10.0.0.1", "1.1.1.1, 2.2.2.2,198.51.100.1", "198.51.100.1"},
	    {"10.0.0.1", "10.0.0.2, 198.51.100.1", "198.51.100.1"},
	    {"10.0.0.1", "rubbish,,\", 198.51.100.1", "198.51.100.1"},
	    /* One proxy behind another: what each says of its own peer. */
	    {"10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
	    {"10.0.0.1", "1.1.1.1, 198.51.100.1, fd00::2, 10.0.0.2", "198.51.100.1"},
	    {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
	    /* No address: the proxy that wrote it. */
	    {"10.0.0.1", "", "10.0.0.1"},
	    {"10.0.0.1", " ", "10.0.0.1"},
	    {"10.0.0.1", "unknown", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"},
	    {"10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"},
	    {"10.0.0.1", ",10.0.0.2", "10.0.0.2"},
	    {"10.0.0.1", "198.51.100.999", "10.0.0.1"},
	};
	struct trusted_proxies proxies = proxies_of("10.0.0.0/24, fd00::/64");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct client_address client =
		    client_address_of(&proxies, address_of(rows[i].peer), str_of(rows[i].forwarded));
		struct client_address expected = address_of(rows[i].client);
		if (memcmp(client.bytes, expected.bytes, sizeof(client.bytes)) != 0)
			fail_msg("'%s' by %s is not %s", rows[i].forwarded, rows[i].peer, rows[i].client);
	}
}

static void nobody_is_believed_by_default(void **state)
{
	(void)state;
	const struct trusted_proxies none = {.count = 0};
	assert_same(client_address_of(&none, address_of("127.0.0.1"), STR("192.0.2.1")), address_of("127.0.0.1"));
}

static bool share_a_limit(const char *a, const char *b)
{
	struct client_address one = address_of(a), other = address_of(b);
	return str_eq(client_address_key(&one), client_address_key(&other));
}

static void what_limits_count(void **state)
{
	(void)state;
	assert_true(share_a_limit("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(share_a_limit("192.0.2.1", "192.0.2.2"));
	assert_true(share_a_limit("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff"));
	assert_true(share_a_limit("2001:db8::1", "2001:db8::"));
	assert_false(share_a_limit("2001:db8::1", "2001:db8:0:1::1"));
	/* One group of zeros may be left out, too. */
	assert_true(share_a_limit("2001:db8:1::1:2:3:4", "2001:db8:1:0:9::"));
	assert_false(share_a_limit("::1", "192.0.2.1"));
}

static void an_address_as_text(void **state)
{
	(void)state;
	static const struct {
		const char *text, *again;
	} rows[] = {
	    {"192.0.2.7", "192.0.2.7"},
	    {"::ffff:192.0.2.7", "192.0.2.7"},
	    {"[2001:DB8:0::7]:443", "2001:db8::7"},
	    {"::", "::"},
	    {"2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:6666"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[CLIENT_ADDRESS_CHARS];
		struct client_address address = address_of(rows[i].text), again;
		assert_str(client_address_text(&address, text), str_of(rows[i].again));
		assert_true(client_address_parse(str_of(text), &again));
		assert_memory_equal(&again, &address, sizeof address);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(networks),
	    cmocka_unit_test(wrong_networks_are_named),
	    cmocka_unit_test(who_is_believed),
	    cmocka_unit_test(nobody_is_believed_by_default),
	    cmocka_unit_test(what_limits_count),
	    cmocka_unit_test(an_address_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
