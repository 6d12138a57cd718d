package config_test

import "strings"

var faults = []fault{
	{"nothing at all", "", "", []string{
		"1:1: the file is empty: begin with environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}] and apps: [{name: shop, image: registry.example.com/shop/api}]",
	}},
	{"nothing but comments", "", "# soon\n---\n", []string{
		"1:1: the file is empty: begin with environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}] and apps: [{name: shop, image: registry.example.com/shop/api}]",
	}},
	{"a list instead of sections", "", "- name: shop\n", []string{
		"1:1: the configuration must be a mapping, not a list: write it as environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}]",
	}},
	{"all sections are missing", "", "{}\n", []string{
		`1:1: the section "roles" is missing: add, for example, roles: {tech-leads: [U0ANN, U0BOB]}`,
		`1:1: the section "environments" is missing: add, for example, environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}]`,
		`1:1: the section "apps" is missing: add, for example, apps: [{name: shop, image: registry.example.com/shop/api}]`,
	}},
	{"an app without any channel", "slack: {channel: C0SHIP}", "slack: {}", []string{
		"10:5: the app has no channel, and there is none for all: add channel: C0SHOP here, or at the top slack: {channel: C0123456789}",
	}},
	{"two documents", "roles:", "---\nroles:", []string{
		"7:1: a second document begins here: keep one document in a file, and take the line --- out",
	}},
	{"a second document at the end", "shop}\n", "shop}\n---\nslack: {channel: C0OTHER}\n", []string{
		"11:1: a second document begins here: keep one document in a file, and take the line --- out",
	}},
	{"a tab", "  leads: [U0ANN, U0BOB]", "\x09leads: [U0ANN, U0BOB]", []string{
		"8:1: the line is indented with a tab: indent with spaces, two for each level",
	}},
	{"a descriptor without quotes", "apps:", "reminders: [{schedule: @daily}]\napps:", []string{
		"9:1: a value begins with a character that YAML keeps for itself: put values that begin with @, ` or % in quotes, and indent with spaces",
	}},
	{"a value with a colon", "C0SHIP}", "a: b}\ndatabase: c: d", []string{
		"1:1: a bracket is not closed: close what is opened on this line, and put commas between the parts",
	}},
	{"a key without a colon", "policies:", "policies\n  more", []string{
		"5:1: a key has no colon: write it as key: value, or indent the line as a part of the value above",
	}},
	{"a quotation mark that is not closed", `"v{version}-passed"`, `"v{version}-passed`, []string{
		"3:3: a quotation mark or bracket is not closed: close what is opened on this line",
	}},
	{"a bracket that is not closed", "U0BOB]", "U0BOB", []string{
		"8:3: a bracket is not closed: close what is opened on this line, and put commas between the parts",
	}},
	{"a line that is indented differently", "  careful: {", "  careful: {approvals: leads}\n other: {", []string{
		"7:2: the indentation does not fit the lines above: begin keys of one level in the same column, and items of a list with -",
	}},
	{"an alias of nothing", "policy: careful", "policy: *careful", []string{
		"4:3: an alias is used: aliases are not supported: write the value out",
	}},
	{"a byte that is not UTF-8", "U0BOB", "U0B\xffB", []string{
		"8:21: the byte 0xff is not UTF-8: save the file as plain UTF-8 text",
	}},
	{"a control character", "U0BOB", "U0B\x07B", []string{
		"8:21: there is a control character, U+0007: save the file as plain UTF-8 text",
	}},
	{"a type tag", "policy: careful", "policy: !!str careful", []string{
		"4:52: the tag !!str is used: tags are not supported: write the plain value",
	}},
	{"a type tag on a mapping", "careful: {", "careful: !policy {", []string{
		"6:12: the tag !policy is used: tags are not supported: take it out",
	}},
	{"a key that is no text", "policies:", "1: one\npolicies:", []string{
		`5:1: a key of the configuration must be text, not the number 1: if it is meant, put it in quotes: "1"`,
	}},
	{"a key far from any other", "policies:", "colour: red\npolicies:", []string{
		`5:1: unknown key "colour" in the configuration: there are slack, database, http, poll, environments, policies, apps, trains, roles, people, registries, reminders, freezes, api, commands, direct, digests, provenance`,
	}},
	{"a token among the keys", "channel: C0SHIP", "app_token: x", []string{
		`1:9: "app_token" is a secret, and secrets never live in this file: set SLACK_APP_TOKEN in the environment, or SLACK_APP_TOKEN_FILE`,
		"10:5: the app has no channel, and there is none for all: add channel: C0SHOP here, or at the top slack: {channel: C0123456789}",
	}},
	{"a secret without a purpose", "channel: C0SHIP", "channel: C0SHIP, signing_secret: x", []string{
		`1:26: "signing_secret" is a secret, and secrets never live in this file: set SLACK_APP_TOKEN and SLACK_BOT_TOKEN in the environment, or the same with _FILE`,
	}},
	{"a password of a registry", "image: registry", "password: x, image: registry", []string{
		`10:18: "password" is a secret, and secrets never live in this file: credentials of registries are read where docker keeps them: run docker login`,
	}},
	{"a token as a value", "C0SHIP", "xoxb-1-2-abcdef", []string{
		"1:18: this is a Slack token, and secrets never live in this file: set SLACK_APP_TOKEN and SLACK_BOT_TOKEN in the environment, and revoke this one if others could read it",
	}},
	{"a channel that YAML takes for a comment", "slack: {channel: C0SHIP}", "slack:\n  channel: #ship", []string{
		`2:3: the key "channel" has no value: a # begins a comment, so put a text that begins with # in quotes`,
	}},
	{"a channel that is a number", "C0SHIP", "123", []string{
		`1:18: channel must be text, not the number 123: if it is meant, put it in quotes: "123"`,
	}},
	{"a channel with a lower-case id", "C0SHIP", "c0ship", []string{
		`1:18: "c0ship" is not the id of a channel: use the id, such as C0123456789, because names change: it is in Slack under channel details → About`,
	}},
	{"a text where a mapping belongs", "slack: {channel: C0SHIP}", "slack: C0SHIP", []string{
		`1:8: slack must be a mapping, not the text "C0SHIP": write it as slack: {channel: C0123456789}`,
	}},
	{"a date where text belongs", "name: shop", "name: 2026-03-01", []string{
		`10:12: the name of the app must be text, not the date 2026-03-01: if it is meant, put it in quotes: "2026-03-01"`,
	}},
	{"a truth where text belongs", "name: shop", "name: true", []string{
		`10:12: the name of the app must be text, not true: if it is meant, put it in quotes: "true"`,
	}},
	{"a list where text belongs", "name: shop", "name: [shop]", []string{
		"10:12: the name of the app must be text, not a list: write one text",
	}},
	{"a text of half a page", "name: shop", strings.Replace("name: X", "X", strings.Repeat("x", 600), 1), []string{
		"10:12: the name of the app is 600 characters long: check that a quotation mark is closed where it should be",
	}},
	{"an empty place in a list", "[U0ANN, U0BOB]", "[U0ANN, ~]", []string{
		"8:18: a member of leads is missing here: write a text, or take the line out",
	}},
	{"a database in memory", "roles:", "database: \":memory:\"\nroles:", []string{
		`7:11: ":memory:" is not a file: write the path of one, because decisions have to outlive the process`,
	}},
	{"a database at an address", "roles:", "database: file:bot.db\nroles:", []string{
		`7:11: "file:bot.db" is an address, not a path: write the path of a file, such as /var/lib/promotebot/promotebot.db`,
	}},
	{"a database without a name", "roles:", "database: \"\"\nroles:", []string{
		"7:11: database is empty: name a file, or take the key out for promotebot.db",
	}},
	{"a database over two lines", "roles:", "database: \"a\\nb\"\nroles:", []string{
		"7:11: database holds a line break: write the path on one line",
	}},
	{"an address without a port", "roles:", "http: localhost\nroles:", []string{
		`7:7: "localhost" is not an address to listen on: write host:port, such as 127.0.0.1:8484, or off`,
	}},
	{"an address with an impossible port", "roles:", "http: localhost:65536\nroles:", []string{
		`7:7: "localhost:65536" is not an address to listen on: write host:port, such as 127.0.0.1:8484, or off`,
	}},
	{"an address that is a list", "roles:", "http: [off]\nroles:", []string{
		"7:7: http must be text, not a list: write one text",
	}},
	{"polling without a unit", "roles:", "poll: 30\nroles:", []string{
		"7:7: poll of 30 has no unit: put one behind it: s for seconds, m for minutes, h for hours or d for days",
	}},
	{"polling too often", "roles:", "poll: 999ms\nroles:", []string{
		"7:7: polling every 999ms is out of bounds: write something from 1s to 24h; 30s is usual",
	}},
	{"polling too seldom", "roles:", "poll: 2d\nroles:", []string{
		"7:7: polling every 2d is out of bounds: write something from 1s to 24h; 30s is usual",
	}},
	{"polling in a list", "roles:", "poll: [30s]\nroles:", []string{
		"7:7: poll must be a length of time, not a list: write a number and a unit, such as 30s",
	}},
	{"more connections than a registry bears", "roles:", "poll: {concurrency: 65}\nroles:", []string{
		"7:21: concurrency must be a number from 1 to 64, not the number 65: write a whole number without quotes",
	}},
	{"a number in quotes", "roles:", "poll: {concurrency: \"8\"}\nroles:", []string{
		`7:21: concurrency must be a number from 1 to 64, not the text "8": write a whole number without quotes`,
	}},
	{"a number with a fraction", "roles:", "poll: {concurrency: 1.5}\nroles:", []string{
		"7:21: concurrency must be a number from 1 to 64, not the number 1.5: write a whole number without quotes",
	}},
	{"one environment", "  - {name: production, tags: [production], policy: careful}\n", "", []string{
		"2:1: environments has 1, and a promotion goes from one to the next: write at least two, first to last: environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}]",
	}},
	{"environments that are no list", "environments:", "environments: staging\npolicy:", []string{
		`2:15: environments must be a list, not the text "staging": write it as environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}]`,
		`3:1: unknown key "policy" in the configuration: there are slack, database, http, poll, environments, policies, apps, trains, roles, people, registries, reminders, freezes, api, commands, direct, digests, provenance`,
	}},
	{"an environment that is a name", `{name: staging, watch: "v{version}-passed"}`, "staging", []string{
		`3:5: an environment must be a mapping, not the text "staging": write it as {name: production, tags: [production], policy: careful}`,
	}},
	{"an environment without a name", "{name: staging, watch", "{watch", []string{
		"3:5: the environment has no name: add name: production",
	}},
	{"an environment called twice", "name: production", "name: staging", []string{
		`4:12: there is another environment "staging" above: give each its own name`,
	}},
	{"a first environment with a policy", "name: staging,", "name: staging, policy: careful,", []string{
		"3:21: the first environment has policy, and nothing is promoted into it: take it out, or put the environment that comes before it above it",
	}},
	{"an environment without tags and policy", ", tags: [production], policy: careful", "", []string{
		"4:5: the environment has no tags: add the tags that a promotion into it sets, such as tags: [production]",
		"4:5: the environment has no policy: add policy: careful, a name from policies, or write it out: policy: {soak: 24h, approvals: {tech-leads: 2}}",
	}},
	{"an environment without any tag", "tags: [production]", "tags: []", []string{
		"4:30: tags is empty: write at least one, such as [production]",
	}},
	{"a last environment that is watched", "name: production,", "name: production, watch: production,", []string{
		"4:24: nothing follows production, so nothing would come of watching it: take watch out; what runs there is read from its tags",
	}},
	{"a pattern with a capture that has another meaning", "v{version}-passed", "v{date}-passed", []string{
		`3:28: {date} in "v{date}-passed" has a meaning of its own in tag templates: use another name`,
	}},
	{"a pattern that matches no tag", "v{version}-passed", "v{version}/passed", []string{
		`3:28: "v{version}/passed" can't match any tag: write something like v{version}-passed`,
	}},
	{"two captures that touch", "v{version}-passed", "v{major}{minor}", []string{
		`3:28: "v{major}{minor}" has two captures without a text between them: it can't be told where one ends`,
	}},
	{"a watch that is empty", `"v{version}-passed"`, `""`, []string{
		"3:28: watch is empty: write a tag or a pattern, or take the key out when builds are announced with /promote request",
	}},
	{"a watch used twice", "policy: careful}", "policy: careful, watch: \"v{version}-passed\"}\n  - {name: end, tags: end, policy: careful}", []string{
		`4:68: staging watches "v{version}-passed" too, so a build would be in both at once: give each environment a tag of its own`,
	}},
	{"a tag with a capture that nothing makes", "tags: [production]", `tags: ["v{build}"]`, []string{
		`4:31: {build} in tag "v{build}" means nothing here: there are {date}, {digest}, {label.NAME}, {version}; a part of the source tag has to be captured by the watch of staging, such as v{version}-passed`,
	}},
	{"a tag that can't be one", "tags: [production]", `tags: ["a:b"]`, []string{
		`4:31: "a:b" does not make a tag: up to 128 letters, digits, '_', '.', '-', and {placeholders}`,
	}},
	{"a tag that the environment before would take for a new build", "tags: [production]", "tags: [v1-passed]", []string{
		`4:31: staging watches "v{version}-passed", so it would take the tag "v1-passed" for a new build: choose a tag that its watch can't match, such as production, or release-{version}`,
	}},
	{"a tag of another environment", "policy: careful}", "policy: careful}\n  - {name: end, tags: production, policy: careful}", []string{
		`5:23: promotions into production set the tag "production" too, so it could not be told what runs where: give each environment a tag of its own`,
	}},
	{"images that are one repository for all", "name: production,", "name: production, images: p.example.com/shop,", []string{
		`4:32: "p.example.com/shop" is one repository for every app: write {path} for the path of the app's image, or {app} for its name, as in "production.example.com/{path}"`,
	}},
	{"images that make no repository", "name: production,", `name: production, images: "{path}",`, []string{
		`4:32: "{path}" does not make an image repository: write a registry and a path with {path} or {app} in it, as in "production.example.com/{path}"`,
	}},
	{"images of an environment that is not there", "shop}\n", "shop, images: {prod: p.example.com/shop}}\n", []string{
		`10:61: there is no environment "prod": did you mean "production"? Otherwise name staging or production`,
	}},
	{"images that another app has", "shop}\n", "shop}\n  - {name: cart, image: registry.example.com/cart, images: {production: registry.example.com/shop}}\n", []string{
		"11:5: an app above has the images in registry.example.com/shop too, where cart has those of production: give each app a repository of its own in each environment",
	}},
	{"environments that one app brings together", "", `slack: {channel: C0SHIP}
environments:
  - {name: staging, watch: passed}
  - {name: preview, images: "p.example.com/{path}", tags: live, policy: {approvals: leads}}
  - {name: production, images: "q.example.com/{path}", tags: live, policy: {approvals: leads}}
roles: {leads: U0ANN}
apps:
  - {name: shop, image: registry.example.com/shop}
  - {name: cart, image: registry.example.com/cart, images: {production: p.example.com/cart}}
`, []string{
		`9:5: cart has preview and production in one repository, and promotions into preview set the tag "live" too, so it could not be told what runs where: give them repositories of their own under images, or other tags`,
	}},
	{"an attachment that is no type", "name: production,", `name: production, attachments: {only: ["*x"], except: []},`, []string{
		`4:45: "*x" is not an artifact type: write a media type, or the beginning of one and "*"`,
		"4:60: except is empty: name artifact types, or take the key out",
	}},
	{"a registry that no app uses", "roles:", "registries: [{host: registry.exmple.com}]\nroles:", []string{
		`7:21: no app has images in registry.exmple.com: did you mean "registry.example.com"? Otherwise take it out, or write the host as it stands in the images`,
	}},
	{"a registry with a path", "roles:", "registries: [{host: https://registry.example.com/shop}, {rate: 0}]\nroles:", []string{
		`7:21: "https://registry.example.com/shop" is not the host of a registry: write it as it stands at the beginning of an image, such as registry.example.com or localhost:5000`,
		"7:57: the registry has no host: add host: registry.example.com",
		"7:64: rate must be a number from 1 to 1000, not the number 0: write a whole number without quotes",
	}},
	{"an environment without a name, before one with captures", `{name: staging, watch: "v{version}-passed"}`, "{watch: passed}\n  - {name: preview, tags: [\"p-{version}\"], policy: {approvals: leads, ride: oldest}}", []string{
		"3:5: the environment has no name: add name: production",
		`4:28: {version} in tag "p-{version}" means nothing here: there are {date}, {digest}, {label.NAME}; a part of the source tag has to be captured by the watch of the environment before it, such as v{version}-passed`,
		`4:52: with ride: oldest an older build stays in the environment before it beside newer ones, and it watches the one tag "passed": have the environment before it watch a pattern that gives each build its own tag, such as v{version}-passed`,
	}},
	{"images for an environment where there are none", "", "environments: none\nroles: {leads: U0ANN}\nslack: {channel: C0SHIP}\napps:\n  - {name: shop, image: registry.example.com/shop, images: {production: other.example.com/shop}}\n", []string{
		`1:15: environments must be a list, not the text "none": write it as environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}]`,
	}},
	{"a role of nobody, of which an approval is asked", "leads: [U0ANN, U0BOB]", "leads: []", []string{
		"8:10: the role leads names nobody: name people by their ids, such as [U0ANN, U0BOB], or take the role out",
	}},
	{"a circle of roles of nobody", "leads: [U0ANN, U0BOB]", "leads: [others]\n  others: [leads]", []string{
		"9:12: roles go in a circle: leads → others → leads: take one of them out of the other",
	}},
	{"the largest blob of a registry", "roles:", "registries: [{host: registry.example.com, largest_blob: 5GB}]\nroles:", []string{
		`7:57: largest_blob must be a size, not the text "5GB": write a whole number and MiB or GiB, such as 5GiB`,
	}},
	{"a blob without a unit", "roles:", "registries: [{host: registry.example.com, largest_blob: 5000}]\nroles:", []string{
		"7:57: largest_blob must be a size, not the number 5000: write a whole number and MiB or GiB, such as 5GiB",
	}},
	{"a blob that is larger than a copy", "roles:", "registries: [{host: registry.example.com, largest_blob: 101GiB}]\nroles:", []string{
		"7:57: a largest_blob of 101GiB is more than the 100GiB that one copy may have: write 100GiB at most",
	}},
	{"a registry whose token_hosts are misspelled", "roles:", "registries: [{host: registry.example.com, token_host: [auth.example.com]}]\nroles:", []string{
		`7:43: unknown key "token_host" in a registry: did you mean "token_hosts"?`,
	}},
	{"a registry twice", "roles:", "registries: [{host: registry.example.com}, {host: registry.example.com, credentials: Docker Config, token_hosts: [\"https://auth\"]}]\nroles:", []string{
		"7:51: registry.example.com is there already above: keep one of the two",
		`7:86: "Docker Config" is not where credentials come from: write docker, google, github, none, or the name of a credential helper, such as ecr-login for docker-credential-ecr-login`,
		`7:115: "https://auth" is not a host: write a name such as auth.example.com, without https:// and path`,
	}},
	{"a policy that is not defined", "policy: careful}", "policy: bold}", []string{
		`4:52: there is no policy "bold": define it under policies, or write it out here: {soak: 24h, approvals: {tech-leads: 2}}`,
	}},
	{"a policy that is a list", "policy: careful}", "policy: [careful]}", []string{
		"4:52: policy must be a name or a mapping, not a list: name one of policies, or write {soak: 24h, approvals: {tech-leads: 2}}",
	}},
	{"a policy with a bad name", "  careful: {approvals: {leads: 1}}", "  careful: {approvals: {leads: 1}}\n  Very Careful: {approvals: leads}", []string{
		`7:3: "Very Careful" is not a name: up to 63 lower-case letters, digits and '-', beginning with a letter or digit`,
	}},
	{"a policy without approvals", "{approvals: {leads: 1}}", "{soak: 1h}", []string{
		"6:12: the policy has no approvals: add approvals: {tech-leads: 1}, or approvals: none when it is to go ahead without anybody's",
	}},
	{"approvals of nobody", "{approvals: {leads: 1}}", "{approvals: {}}", []string{
		"6:24: approvals asks nobody: write {tech-leads: 1}, or none when it is to go ahead without anybody's approval",
	}},
	{"approvals in a list", "{approvals: {leads: 1}}", "{approvals: [leads]}", []string{
		"6:24: approvals must be a mapping, not a list: write it as {tech-leads: 2}, or as a role",
	}},
	{"approvals by a role that is not defined", "{approvals: {leads: 1}}", "{approvals: lead}", []string{
		`6:24: there is no role "lead" to ask: did you mean "leads"? Otherwise define it: roles: {tech-leads: [U0ANN, U0BOB]}`,
	}},
	{"approvals without a number", "{leads: 1}", "{leads: }", []string{
		`6:25: the key "leads" has no value: write one, or take the key out`,
	}},
	{"no approval of a role", "{leads: 1}", "{leads: 0}", []string{
		"6:32: the number of approvals by leads must be a number from 1 to 50, not the number 0: write a whole number without quotes",
	}},
	{"more approvals than a role has people", "{leads: 1}", "{leads: 3}", []string{
		"6:32: leads has to approve 3 times, and only 2 people hold it: ask for fewer, or add people to the role: one person is one approval",
	}},
	{"a role of one that is asked twice", "{leads: 1}}\nroles:\n  leads: [U0ANN, U0BOB]", "{leads: 2}}\nroles:\n  leads: U0ANN", []string{
		"6:32: leads has to approve 2 times, and only 1 person holds it: ask for fewer, or add people to the role: one person is one approval",
	}},
	{"more approvals than two roles have people", "{leads: 1}}\nroles:", "{leads: 2, security: 1}}\nroles:\n  security: [U0BOB]", []string{
		"6:24: leads and security together have to approve 3 times, and only 2 people hold them: ask for fewer, or add people to the roles: one person is one approval, whatever roles they hold",
	}},
	{"more approvals than two of three roles have people", "{leads: 1}}\nroles:", "{others: 2, leads: 1, security: 2}}\nroles:\n  others: [U0EVE, U0SUE, U0TOM]\n  security: [leads]", []string{
		"6:24: leads and security together have to approve 3 times, and only 2 people hold them: ask for fewer, or add people to the roles: one person is one approval, whatever roles they hold",
	}},
	{"a soak in the past", "{approvals: {leads: 1}}", "{approvals: leads, soak: -1h}", []string{
		"6:37: soak is negative: write how long a digest has to stay, such as 24h, or 0",
	}},
	{"a soak of a hundred days", "{approvals: {leads: 1}}", "{approvals: leads, soak: 100d}", []string{
		"6:37: a soak of 100d is longer than 90d: write 90d at most; m are minutes, h hours and d days",
	}},
	{"a soak beyond all time", "{approvals: {leads: 1}}", "{approvals: leads, soak: 99999d2562047h}", []string{
		`6:37: "99999d2562047h" is not a length of time: write a number and a unit, such as 24h, 36h or 1d12h`,
	}},
	{"a soak with a unit that does not exist", "{approvals: {leads: 1}}", "{approvals: leads, soak: 2w}", []string{
		`6:37: "2w" is not a length of time: write a number and a unit, such as 24h, 36h or 1d12h`,
	}},
	{"a soak with a fraction and no unit", "{approvals: {leads: 1}}", "{approvals: leads, soak: 1.5}", []string{
		"6:37: soak of 1.5 has no unit: put one behind it: s for seconds, m for minutes, h for hours or d for days",
	}},
	{"a requester who is undecided", "{approvals: {leads: 1}}", "{approvals: leads, requester: maybe}", []string{
		`6:42: "maybe" says nothing about the requester: write cannot-approve, which is the default, or may-approve`,
	}},
	{"roles that are a list", "  leads: [U0ANN, U0BOB]", "  - leads", []string{
		"8:3: roles must be a mapping, not a list: write it as roles: {tech-leads: [U0ANN, U0BOB]}",
	}},
	{"a role with a bad name", "  leads: [U0ANN, U0BOB]", "  leads: [U0ANN, U0BOB]\n  Tech Leads: [U0ANN]", []string{
		`9:3: "Tech Leads" is not a name: up to 63 lower-case letters, digits and '-', beginning with a letter or digit`,
	}},
	{"a role of nobody", "  leads: [U0ANN, U0BOB]", "  leads: [U0ANN, U0BOB]\n  empty: []", []string{
		"9:10: the role empty names nobody: name people by their ids, such as [U0ANN, U0BOB], or take the role out",
	}},
	{"a role that is a number", "  leads: [U0ANN, U0BOB]", "  leads: [U0ANN, U0BOB]\n  odd: 1", []string{
		"9:8: the role odd must be a list, not the number 1: write it as [U0ANN, U0BOB]",
	}},
	{"a person twice", "[U0ANN, U0BOB]", "[U0ANN, U0ANN]", []string{
		`8:18: "U0ANN" is in leads already: take one of the two out: one person is one approval`,
	}},
	{"a mention of a person", "U0BOB", `"<@U0BOB|bob>"`, []string{
		`8:18: "<@U0BOB|bob>" is a mention, not an id: write the bare id: U0BOB`,
	}},
	{"a mention of a group", "U0BOB", "<!subteam^S0LEADS>", []string{
		`8:18: "<!subteam^S0LEADS>" is a mention, not an id: write the bare id: S0LEADS`,
	}},
	{"a handle", "U0BOB", `"@bob"`, []string{
		`8:18: "@bob" is neither a person (U…), a user group (S…) nor a role: use the id, because names change hands: in Slack it is in a person's profile under ⋮ → Copy member ID (U…), or in the address of a user group's page (S…)`,
	}},
	{"a person in lower case", "U0BOB", "u0bob", []string{
		`8:18: there is no role "u0bob": if it is an id, write it in capitals: U0BOB`,
	}},
	{"a role within a role that is not defined", "U0BOB", "security", []string{
		`8:18: there is no role "security": define it under roles, or write the id of a person (U…) or user group (S…)`,
	}},
	{"a role within itself", "U0BOB", "leads", []string{
		"8:18: roles go in a circle: leads → leads: take one of them out of the other",
	}},
	{"roles in a circle of three", "  leads: [U0ANN, U0BOB]", "  leads: [U0ANN, b]\n  b: [c]\n  c: [leads, U0EVE]", []string{
		"10:7: roles go in a circle: leads → b → c → leads: take one of them out of the other",
	}},
	{"no app", "apps:\n  - {name: shop, image: registry.example.com/shop}", "apps: []", []string{
		"9:7: apps names none: write at least one: apps: [{name: shop, image: registry.example.com/shop/api}]",
	}},
	{"apps that are a mapping", "  - {name: shop, image", "  shop: {image", []string{
		"10:3: apps must be a list, not a mapping: write it as apps: [{name: shop, image: registry.example.com/shop/api}]",
	}},
	{"an app that is a name", "{name: shop, image: registry.example.com/shop}", "shop", []string{
		`10:5: an app must be a mapping, not the text "shop": write it as {name: shop, image: registry.example.com/shop/api}`,
	}},
	{"an app without an image", ", image: registry.example.com/shop", "", []string{
		"10:5: the app has no image: add image: registry.example.com/shop/api",
	}},
	{"an app called twice", "registry.example.com/shop}", "registry.example.com/shop}\n  - {name: shop, image: registry.example.com/web}", []string{
		`11:12: there is another app "shop" above: give each its own name`,
	}},
	{"an image of two apps", "registry.example.com/shop}", "registry.example.com/shop}\n  - {name: web, image: registry.example.com/shop}", []string{
		"11:24: an app above has this image too, so it could not be told whose build a digest is: keep one app for each image repository",
	}},
	{"an image with a tag", "com/shop", "com/shop:latest", []string{
		`10:25: "registry.example.com/shop:latest" is not an image repository: after the host come lower-case path parts, and no tag or digest`,
	}},
	{"an image without a registry", "registry.example.com/shop", "shop/api", []string{
		`10:25: "shop/api" does not begin with a registry host such as registry.example.com: write it with its registry, as in registry.example.com/shop/api`,
	}},
	{"an app with a policy for all", "com/shop", "com/shop, policy: careful", []string{
		`10:60: policy of an app must be a mapping, not the text "careful": write it as {production: careful}, for each environment`,
	}},
	{"an app with a policy for an environment that is not there", "com/shop", "com/shop, policy: {prod: careful}", []string{
		`10:61: there is no environment "prod": name production`,
	}},
	{"an app with a policy for the first environment", "com/shop", "com/shop, policy: {staging: careful}", []string{
		"10:61: nothing is promoted into staging, because it is the first environment: name production",
	}},
	{"an app with a faulty policy of its own", "com/shop", "com/shop, policy: {production: {soak: 1h}}", []string{
		"10:73: the policy has no approvals: add approvals: {tech-leads: 1}, or approvals: none when it is to go ahead without anybody's",
	}},
	{"reminders that are a mapping", "apps:", "reminders: {schedule: \"@daily\"}\napps:", []string{
		`9:12: reminders must be a list, not a mapping: write it as reminders: [{schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin}]`,
	}},
	{"a reminder that is a text", "apps:", "reminders: [\"@daily\"]\napps:", []string{
		`9:13: a reminder must be a mapping, not the text "@daily": write it as {schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin}`,
	}},
	{"a reminder without a schedule", "apps:", "reminders: [{time_zone: UTC}]\napps:", []string{
		`9:13: the reminder has no schedule: add schedule: "0 9 * * MON-FRI" for nine o'clock on workdays`,
	}},
	{"a reminder twice", "apps:", "reminders: [{schedule: \"@daily\"}, {schedule: \"@daily\", time_zone: UTC}]\napps:", []string{
		"9:35: the same reminder is on line 9 already: keep one of the two",
	}},
	{"a reminder in no time zone", "apps:", "reminders: [{schedule: \"@daily\", time_zone: Local}]\napps:", []string{
		`9:45: "Local" is not a time zone: write a name of the IANA database, such as Europe/Berlin or UTC`,
	}},
	{"a reminder in a zone of its own", "apps:", "reminders: [{schedule: \"CRON_TZ=UTC @daily\"}]\napps:", []string{
		"9:24: the schedule names a time zone: write it as time_zone: Europe/Berlin beside the schedule",
	}},
	{"a reminder that counts from the start", "apps:", "reminders: [{schedule: \"@every 1h\"}]\napps:", []string{
		`9:24: @every counts from the start of the program, so a restart would shift it: write minute, hour, day of month, month and day of week, such as "0 9 * * MON-FRI", or "@daily"`,
	}},
	{"a reminder with a bad hour", "apps:", "reminders: [{schedule: \"0 25 * * *\"}]\napps:", []string{
		`9:24: "0 25 * * *" is not a schedule (end of range (25) above maximum (23): 25): write minute, hour, day of month, month and day of week, such as "0 9 * * MON-FRI", or "@daily"`,
	}},
	{"a reminder that never comes", "apps:", "reminders: [{schedule: \"0 0 31 2 *\"}]\napps:", []string{
		`9:24: the schedule "0 0 31 2 *" never comes: write minute, hour, day of month, month and day of week, such as "0 9 * * MON-FRI", or "@daily"`,
	}},
	{"a value with a colon in it", "policies:", "database: c: d\npolicies:", []string{
		"5:1: there is a colon where no key can be: put the text in quotes, or indent the line like its neighbours",
	}},
	{"a capture used twice", "v{version}-passed", "v{n}-{n}", []string{
		`3:28: "v{n}-{n}" captures {n} twice: use each name once`,
	}},
	{"policies that are a list", "  careful: {approvals: {leads: 1}}", "  - careful", []string{
		"6:3: policies must be a mapping, not a list: write it as policies: {careful: {soak: 24h, approvals: {tech-leads: 2}}}",
	}},
	{"a soak that is a list", "{approvals: {leads: 1}}", "{approvals: leads, soak: [1h]}", []string{
		"6:37: soak must be a length of time, not a list: write a number and a unit, such as 24h",
	}},
	{"a merge key", "{approvals: {leads: 1}}", "{<<: {soak: 1h}}", []string{
		"6:13: the merge key << is used: merging is not supported, so that each line reads as it stands: write the keys out",
	}},
	{"an anchor and its alias", "{approvals: {leads: 1}}", "{approvals: &a {leads: 1}}\n  other: {approvals: *a}", []string{
		"6:24: the anchor &a is set: anchors are not supported: take it out",
		"7:22: the alias *a is used: aliases are not supported, so that each line reads as it stands: write the value out, or give it a name where names can be used",
	}},
	{"everything that an entry lacks", "{name: shop, image: registry.example.com/shop}", "{}", []string{
		"10:5: the app has no name: add name: shop",
		"10:5: the app has no image: add image: registry.example.com/shop/api",
	}},
	{"a misspelled key whose value is faulty too", "policy: careful}", "policy: careful, wach: production}", []string{
		`4:61: unknown key "wach" in an environment: did you mean "watch"?`,
	}},
	{"a channel without a value", "{channel: C0SHIP}", "{channel: }", []string{
		`1:9: the key "channel" has no value: write one, or take the key out`,
	}},
	{"a key twice and a third time", "policies:", "http: \"off\"\nhttp: \"off\"\nhttp: \"off\"\npolicies:", []string{
		`6:1: the key "http" is set on line 5 already: keep one of the two`,
		`7:1: the key "http" is set on line 5 already: keep one of the two`,
	}},
	{"a fault below brackets over several lines", "  leads: [U0ANN, U0BOB]\napps:", "  leads: [\n    U0ANN,\n    U0BOB\n  ]\n apps:", []string{
		"12:2: the indentation does not fit the lines above: begin keys of one level in the same column, and items of a list with -",
	}},
	{"a watch that is a list", `"v{version}-passed"`, "[a, b]", []string{
		"3:28: watch must be text, not a list: write one text",
	}},
	{"a watch that is faulty, and a tag that needs it", "\"v{version}-passed\"}\n  - {name: production, tags: [production]", "\"v{version}/passed\"}\n  - {name: production, tags: [production, \"v{version}\"]", []string{
		`3:28: "v{version}/passed" can't match any tag: write something like v{version}-passed`,
	}},
	{"a tag that is a number", "tags: [production]", "tags: [1.10]", []string{
		`4:31: a tag must be text, not the number 1.10: if it is meant, put it in quotes: "1.10"`,
	}},
	{"a tag twice", "tags: [production]", "tags: [production, production]", []string{
		`4:43: the tag "production" is here twice: take one of the two out`,
	}},
	{"tags that are a mapping", "tags: [production]", "tags: {production: yes}", []string{
		`4:30: tags must be a list, not a mapping: write it as [production, "v{version}"]`,
	}},
	{"a long text in a message", "U0BOB", `"@éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé"`, []string{
		`8:18: "@ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…" is neither a person (U…), a user group (S…) nor a role: use the id, because names change hands: in Slack it is in a person's profile under ⋮ → Copy member ID (U…), or in the address of a user group's page (S…)`,
	}},
	{"a time zone that is a number", "apps:", "reminders: [{schedule: \"@daily\", time_zone: 1}]\napps:", []string{
		`9:45: time_zone must be text, not the number 1: if it is meant, put it in quotes: "1"`,
	}},
	{"a schedule that is a number", "apps:", "reminders: [{schedule: 1}]\napps:", []string{
		`9:24: schedule must be text, not the number 1: if it is meant, put it in quotes: "1"`,
	}},
	{"an item of a list that is an alias and was counted before", "U0BOB]", "&b U0BOB]\n  others: [*b]", []string{
		"8:18: the anchor &b is set: anchors are not supported: take it out",
		"9:12: the alias *b is used: aliases are not supported, so that each line reads as it stands: write the value out, or give it a name where names can be used",
	}},
	{"a policy within an app that is not defined", "com/shop", "com/shop, policy: {production: carefull}", []string{
		`10:73: there is no policy "carefull": did you mean "careful"? Otherwise define it under policies, or write it out here: {soak: 24h, approvals: {tech-leads: 2}}`,
	}},
	{"a role of people in a role of others", "{leads: 1}}\nroles:", "{both: 4}}\nroles:\n  both: [leads, U0EVE]", []string{
		"6:31: both has to approve 4 times, and only 3 people hold it: ask for fewer, or add people to the role: one person is one approval",
	}},
	{"an app with an environment that could be one of two", "policy: careful}\npolicies:\n  careful: {approvals: {leads: 1}}\nroles:\n  leads: [U0ANN, U0BOB]\napps:\n  - {name: shop, image: registry.example.com/shop}", "policy: careful}\n  - {name: finish, tags: finish, policy: careful}\npolicies:\n  careful: {approvals: {leads: 1}}\nroles:\n  leads: [U0ANN, U0BOB]\napps:\n  - {name: shop, image: registry.example.com/shop, policy: {finnish: careful}}", []string{
		`11:61: there is no environment "finnish": did you mean "finish"? Otherwise name production or finish`,
	}},
}
