"""The benchmark command."""
import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

def be(options):
    from ivr.worker import serve_app
    if options.be == "accounts":
        from benchmark.constant_accounts import ConstantAccounts
        app = ConstantAccounts()
    elif options.be == "plain":
        from benchmark.plain import plain_app
        app = plain_app(options.redis, options.accounts)
    else:
        from benchmark import peers
        move = peers.by_transitions() if options.be == "transitions" else peers.by_statemachine()
        app = peers.peer_app(move, options.redis, options.accounts, options.url)
    serve_app(app, [options.fd], options.life_fd)

async def main():
    from benchmark.contenders import taking_part, two_cores
    from benchmark.rounds import measure
    with two_cores() as (core, _), tempfile.TemporaryDirectory(prefix="ivr") as folder:
        async with taking_part(Path(folder), core) as field:
            for n in range(3):
                r = await measure(field, 400, n)
                for phase, by in r.items():
                    for name, m in by.items():
                        print(n, phase, name, *(f"{x:.3f}" for x in m))

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "be":
        p = argparse.ArgumentParser()
        p.add_argument("_"); p.add_argument("be"); p.add_argument("--redis"); p.add_argument("--accounts"); p.add_argument("--url"); p.add_argument("--fd", type=int); p.add_argument("--life-fd", type=int)
        be(p.parse_args())
    else:
        import uvloop
        uvloop.run(main())
