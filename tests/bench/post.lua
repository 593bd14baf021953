-- wrk: a small POST, as a client sends a message.
wrk.method = "POST"
wrk.body = '{"msgtype":"m.text","body":"hello"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
