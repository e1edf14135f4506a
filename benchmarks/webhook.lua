-- What wrk sends for benchmarks/webhook.py: wrk ... URL -- TOKEN BODY [changed]
-- With `changed` the summary of every alert has another number in each notification.
local NUMBER = '"summary":"%d+'
local parts, fixed, changed, sent = {}, nil, false, os.time() * 1e6

function init(args)
  local file = assert(io.open(args[2], "rb"))
  local body = file:read("*a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. args[1]
  fixed = wrk.format(nil, nil, nil, body)
  changed = args[3] == "changed"
  local from, first, last = 1, body:find(NUMBER)
  while first do -- the text between the numbers, each followed by a place for one
    parts[#parts + 1] = body:sub(from, first - 1)
    parts[#parts + 1] = ""
    from = last + 1
    first, last = body:find(NUMBER, from)
  end
  parts[#parts + 1] = body:sub(from)
end

function request()
  if not changed then return fixed end
  sent = sent + 1
  local number = string.format('"summary":"%d', sent)
  for place = 2, #parts, 2 do parts[place] = number end
  return wrk.format(nil, nil, nil, table.concat(parts))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"p99":%.0f,"failed":%d}\n', summary.requests,
    summary.duration, latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
