"""Every point at which sending can fail: nobody twice, nobody silently left out, and a list of what is uncertain.

Each has tests named after it (`test_f07_...`), asked of every kind of provider that it concerns: one that
remembers keys and answers again or refuses, one that can be searched, one that substitutes, one that does nothing of
these, and a mail server. What waits for seconds is asked of three of them (`SERVERS`). After each of them
`Case.check` compares the ledger with the provider, and every change of state with the arrows that are drawn.

F1   killed before anything was claimed                            test_http
F2   killed after a claim                                          test_http
F3   killed after `handed` was written, before the call            test_http
F4   no connection: refused, no such name, no TLS                  test_http; providers/test_transport
F5   the request arrives in part                                   test_http
F6   accepted, and no answer                                       test_http
F7   accepted, and the answer is cut                               test_http
F8   200 with a page that is not the provider's                    test_http
F9   the answer comes just in time, or just too late               test_http
F10  500, 502, 504, accepted or not                                test_http
F11  killed after the answer, before it was written down           test_http
F12  the disk is full, the database locked, when it comes          test_around
F13  a second sender on the same database                          test_around
F14  the database was copied                                       test_around
F15  the clock jumps, across a lease and a key's time              test_doubt
F16  429 in every form in which it names a time, and in none       test_limits
F17  some of a batch are refused                                   test_http
F18  a batch is refused for one of them, and halved                test_http
F19  an event arrives before the answer                            belongs to the webhooks
F20  who is to get it leaves before, or between two batches        test_around
F21  the provider stops while several calls are in the air         test_limits
F22  the search is down, lags, or shows another campaign's         test_doubt
F23  what would be sent under a key is not what was                test_doubt
F24  a schedule is overdue after a downtime                        test_around
F25  a mail server hangs up, refuses or stalls at every stage      test_smtp; test_smtp_servers
F26  a kept connection was closed by the server                    test_http

A "no" that is not a reader's fault, and a provider that answers nothing of its own, are in test_refusals.
The same in one go, at random and with real kills: acceptance/test_kill.
"""
