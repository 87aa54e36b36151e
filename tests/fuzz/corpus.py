"""What the fuzzing starts from: lines of every format, and what is put before, between and into them."""

from __future__ import annotations

from w3ctools.core.formats import registry

_STAMP = b"[10/Oct/2000:13:55:36 -0700]"
_COMMON = b"1.2.3.4 - - " + _STAMP + b' "GET /a/b?c=/d HTTP/1.1" 200 5'

#: Lines beside each format's example; those of w3c go together, in this order.
VARIANTS: dict[str, tuple[bytes, ...]] = {
    "gunicorn": (b'1.2.3.4 - bob [10/Oct/2000:13:55:36 +0000] "PUT /a?b HTTP/1.1" 201 - "-" "a \\"b\\""',),
    "varnish": (b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET http://h:8080/a?b HTTP/1.1" 503 - "-" "-"',),
    "tomcat": (b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "-" 400 -',),
    "jetty": (b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /"a" HTTP/1.1" 200 1 "a"b" "c"d"',),
    "common": (
        _COMMON,
        b'1.2.3.4 joe frank [10/Oct/2000:13:55:60 +0000] "POST / HTTP/2" 304 -',
        b'2001:db8::1 - - [31/Dec/9999:23:59:59 -2359] "GET http://H:80/a/b HTTP/1.1" 999 0',
        b'1.2.3.4, 5.6.7.8 - - [01/Jan/0000:00:00:59 +0001] "" - -',
        b'1.2.3.4 - - [31/Oct/2021 02:30:00] "GET /a HTTP/1.1" 200 5',
        b'1.2.3.4:5678 - a b [10/Oct/2000:13:55:36.125 +0000] "CONNECT h:443 HTTP/1.1" 200 '
        b"1234567890123456789",
        b'1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "\\x16\\x03\\x01" 400 0',
    ),
    "combined": (
        _COMMON + b' "http://h/?ip=1.2.3.4" "Mozilla/5.0 (X11)"',
        _COMMON + b' "-" "a \\"q\\" \\x1b[31m \\\\ \\t"',
        _COMMON + b' "-" "caf\xc3\xa9 \xe2\x80\xae \xc0\xaf"',
        _COMMON + b' "r" "a"b"',
        _COMMON + b' "" "" 0.1',
    ),
    "vhost_combined": (b"h:80 " + _COMMON + b' "-" "u"', b"[::1]:80 ::1 - - " + _STAMP + b' "-" 408 -'),
    "vhost_common": (b"H.Example " + _COMMON,),
    "vhost_main": (b"h:80 " + _COMMON + b' "-" "u" "-"',),
    "main": (_COMMON + b' "-" "u" "1.1.1.1, ::1"', _COMMON + b' "-" "-" ""'),
    "w3c": (
        b"#Software: Microsoft Internet Information Services 10.0\n#Date: 2002-05-02 17:42:15\n"
        b"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip"
        b" cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n"
        b"2002-05-02 17:42:15 10.0.0.1 GET /a/b c=d 80 - 1.2.3.4 Mozilla/5.0+(X11) - 200 0 0 15\n"
        b"2002-05-02 17:42:60 10.0.0.1 GET /a - 80 joe 1.2.3.4 caf\xc3\xa9 http://h/ 304 0 0 -",
        b"#Version: 1.0\n#Fields: date\ttime\tc-ip\tcs-method\tcs(Host)\tcs-uri-stem\tsc-status\n"
        b"2019-12-04\t21:02:31\t1.2.3.4\tGET\td111.cloudfront.net\t/index.html\t200\n"
        b"2019-12-04\t21:02:31\t2001:db8::1\tGET\t-\t/a%20b\t000",
        b"#Date: 2002-05-02 23:59:59\n#Fields: time c-ip cs-method cs-uri sc-status bytes time-taken x-a(b)\n"
        b'23:59:59 1.2.3.4 GET http://h/a?b 200 5 0.125 "a ""b"" c"\n'
        b"00:00:01 1.2.3.4 GET /a 200 5 0.125 'a b'",
        b"#Fields: c-ip cs-uri-stem\n1.2.3.4 /a\n- -\n1.2.3.4 a",
        b"#Fields: date-local time-local x-request sc-status\n2021-10-31 02:30:00 - 200",
    ),
    "record": (
        b'{"time":null,"epoch":1e3,"client":"1.2.3.4","path":"/\\u001b\\u202e","section":"\\ud83d\\ude00"}',
        b'{"time":"2000-10-10T20:55:36Z","epoch":971211336,"client":"1.2.3.4","method":"GET","path":"/a",'
        b'"status":200,"bytes":0,"section":"/a","request":null,"duration":0.5,"extra":{"a":"b"},"more":[1]}',
        b'{"event":"unparsed","line":2,"reason":"status: expected 3 digits or -","column":60,'
        b'"raw":"1.2.3.4 - - \\\\x1b","time":null,"epoch":null}',
        b'{"event":"alert","state":"raised","time":null,"epoch":1,"key":"1.2.3.4","message":"High \\u0007"}',
        b'{"event":"other","a":{"1.2.3.4":[1,null,"http://joe:secret@h/?ip=1.2.3.4"]}}',
    ),
    "caddy": (
        b'{"ts":"2022-03-09T21:30:01Z","logger":"http.log.access.log0","request":{"remote_ip":"1.2.3.4",'
        b'"proto":"HTTP/1.1","method":"GET","host":"h:80","uri":"/a?b","headers":{"X":["1","2"]}},'
        b'"duration":"1.5ms","size":1e400,"status":200}',
    ),
    "traefik_json": (
        b'{"ClientHost":"1.2.3.4","Duration":-1,"DownstreamStatus":0,"RequestMethod":"GET",'
        b'"RequestPath":"/\\ud800","RequestProtocol":"HTTP/1.1","time":"2025-01-08T13:27:03+01:00"}',
    ),
    "json": (
        b'{"time":"10/Oct/2000:13:55:36 -0700","client":"1.2.3.4",'
        b'"request":"GET /\\x22 HTTP/1.1","t":,"status":200}',
        b'{"timestamp":1646861401.5,"remote_addr":"1.2.3.4","method":"GET","uri":"/a?b","status":"200",'
        b'"a":{"b":[1,2.5e-3,null,true]},"bytes":99999999999999999999}',
    ),
    "alb": (
        b"h2 2018-07-02T22:23:00.186641Z app/lb/1 1.2.3.4:2817 - -1 -1 -1 502 - 34 366 "
        b'"GET https://h:443/?\\x22 HTTP/2.0" "a \\"b\\"" E T - "Root=1" "h" "-" 0 '
        b'2018-07-02T22:22:48.364000Z "waf,forward" "-" "-" "-" "-" "-" "-" TID_1',
    ),
    "elb": (
        b'2015-05-13T23:39:43.945958Z lb 1.2.3.4:2817 - -1 -1 -1 504 0 0 0 "- - - " "-" - -',
        b"2015-05-13T23:39:43.945958Z lb [::1]:2817 10.0.0.1:80 0.1 0.2 0.3 200 200 0 29 "
        b'"GET http://h:80/ HTTP/1.1"',
    ),
    "s3": (
        b"79a5 b [06/Feb/2019:00:00:38 +0000] 1.2.3.4 - 3E57 WEBSITE.GET.OBJECT a%2520b "
        b'"GET /a"b HTTP/1.1" 404 NoSuchKey 297 - 38 - "-" "S3"Console" -',
    ),
    "envoy": (
        b'[2016-04-15T20:17:00.310Z] "- - HTTP/1.1" 0 DC 0 0 1 - "-" "-" "-" "-" "-"',
        b'[2016-04-15T20:17:00.310Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 2 1 0 "1.2.3.4" "c" "id" '
        b'"h" "10.0.2.1:80" outbound|80||h 10.0.0.1:1 10.0.0.2:80 1.2.3.4:0 - default',
    ),
    "haproxy": (
        b"1.2.3.4:33317 [06/Feb/2009:12:14:14.655] http-in static/<NOSRV> -1/-1/-1/-1/+5 503 +212 - - SC-- "
        b'1/1/1/1/+3 0/0 {a#20b|} "GET /#1B HTTP/1.1"',
        b"<134>Feb  6 12:14:14 haproxy[1]: ::1:33317 [06/Feb/2009:12:14:14.655] http-in~ b/s "
        b'10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "<BADREQ>"',
    ),
    "ltsv": (
        b"time:2018-07-10T13:27:05.5Z\thost:1.2.3.4\tmethod:GET\turi:/a?b\tprotocol:HTTP/1.1\tstatus:200"
        b"\tapptime:0.1, 0.2\treqtime_microsec:125\tx-a:caf\xc3\xa9\tforwardedfor:1.2.3.4, ::1",
        b"status:200\ttime:1531222025.25\tvhost:H:80\tua:\\x1b",
    ),
    "uvicorn": (
        b'\x1b[32mINFO\x1b[0m:     1.2.3.4:54910 - "\x1b[1mGET /a HTTP/1.1\x1b[0m" \x1b[32m200 OK\x1b[0m',
        b'INFO:     ::1:54910 - "GET /a?b HTTP/1.1" 404 Not Found',
        b'INFO: - "WebSocket /ws" 403',
    ),
    "ingress_nginx": (
        b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "" 400 0 "-" "-" 0 0.000 [] [] - - - - 7521',
        b'1.2.3.4 - joe [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/2.0" 200 12 "-" "c" 462 0.050 [a-80] [] '
        b"10.0.0.1:80, 10.0.0.2:80 0, 12 0.049, 0.001 502, 200 7521",
    ),
    "traefik": (_COMMON + b' "-" "-" 1 "-" "-" 0ms', _COMMON + b' "r\\"" "u" 17 "web@docker" "-" 12ms'),
    "lighttpd": (
        b'1.2.3.4 h:80 joe [10/Oct/2000:13:55:36 -0700] "GET /a%20b?c HTTP/1.1" 200 - "" "a"b"',
        b'::1 - - [10/Oct/2000:13:55:36 -0700] "-" 408 - "-" "-"',
    ),
}
#: For each format what a block is made of; pieces of several lines go in whole.
SEEDS = {spec.name: (spec.example, *VARIANTS[spec.name]) for spec in registry.ALL}

#: What collectors put before a line. ``%b`` is the line in docker's.
PREFIXES = (
    b"Feb  6 12:14:14 host prog[123]: %b",
    b"2026-11-24T10:53:30.1+00:00 host prog: %b",
    b"<134>1 2026-11-24T10:53:30Z host app - - - %b",
    b'<134>1 2026-11-24T10:53:30Z host app 1 2 [a b="c\\"]"] \xef\xbb\xbf%b',
    b"2026-11-24T10:53:30.123456789Z stdout F %b",
    b"2026-11-24T10:53:30.123456789Z stderr P %b",
    b'{"log":"%b\\n","stream":"stdout","time":"2026-11-24T10:53:30Z"}',
    b'{"log":"%b"}',
)
DIRECTIVES = (
    b"#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status",
    b"#Fields: c-ip x-a x-b x-c x-d cs-method cs-uri-stem cs-version sc-status sc-bytes",
    b"#Fields: cs-method",
    b"#Fields: a b",
    b"#Fields:",
    b"#fields : c-ip\tsc-status",
    b"#Date: 2002-05-02 17:42:15",
    b"#Date: 9999-12-31 23:59:59",
    b"#Software: Microsoft Internet Information Services 10.0",
    b"#Remark: \x1b[2J",
    b"#",
)
BLANK_LINES = (b"", b" ", b"\t", b"\r", b"\xef\xbb\xbf", b"\x00")
#: What is put into lines.
TOKENS = (
    *(bytes([code]) for code in (*range(0x21), 0x7F, 0x80, 0x85, 0x9B, 0xA0, 0xFF)),
    *(bytes([code]) for code in b"\"'\\[](){}<>,:;/?#%&=-+*.|~@0159aZ"),
    *(
        char.encode()
        for char in "\x85\x9b\u00e9\u061c\u200e\u2028\u2029\u202e\u2066\u2069\ufeff\uffff\U0001f600"
    ),
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xb0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xe2\x80",
    b"\xc3",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\\x",
    b"\\x1b",
    b"\\xe2\\x80\\xae",
    b"\\xc3\\xa9",
    b'\\"',
    b"\\\\",
    b"\\n",
    b"\\u001b",
    b"\\u202e",
    b"\\ud800",
    b"\\u0000",
    b"\\u2028",
    b"%1b",
    b"%0a",
    b"%00",
    b"#1B",
    b'""',
    b'"-"',
    b" - ",
    b'" "',
    b"  ",
    b"\t\t",
    b"1.2.3.4",
    b"::ffff:1.2.3.4",
    b"1.2.3.4:80",
    b"[::1]:80",
    b"2001:db8::1%eth0",
    b"999.1.1.1",
    b"001.02.3.4",
    b"-1",
    b"00",
    b"0x1",
    b"1e400",
    b"99999999999999999999",
    b"1.5",
    b"NaN",
    b"null",
    b"{}",
    b"[[",
    b"\xef\xbb\xbf",
    b"\x1b[31m",
    b"\x1b]0;x\x07",
    b"\r\r",
    b"HTTP/1.1",
    b"GET ",
    b"//",
    b"/?",
    b"None",
    b"CONNECT",
    b" 31/Feb/2021:99:99:99",
    b"[10/Oct/2000:13:55:36]",
    b"2000-10-10T13:55:36Z",
    b"02:30:00",
)
