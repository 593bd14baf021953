-- For wrk: messages into rooms in turn, each with a transaction id of its own. Arguments: a file of lines
-- "access-token<TAB>percent-encoded room id", and what the transaction ids begin with.

local targets, tag, sent, failed = {}, nil, 0, 0

function init(args)
	for line in io.lines(args[1]) do
		local token, room = line:match("^(%S+)\t(%S+)$")
		table.insert(targets, {path = "/_matrix/client/v3/rooms/" .. room .. "/send/m.room.message/", token = token})
	end
	tag = args[2]
end

function request()
	sent = sent + 1
	local target = targets[sent % #targets + 1]
	return wrk.format("PUT", target.path .. tag .. sent,
		{["Authorization"] = "Bearer " .. target.token, ["Content-Type"] = "application/json"},
		'{"msgtype":"m.text","body":"' .. tag .. sent .. '"}')
end

function done(summary, latency)
	local errors = summary.errors
	print(string.format("RESULT %d %.3f %.2f %.2f %d", summary.requests, summary.duration / 1e6,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
		errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
