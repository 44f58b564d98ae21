"""brownout demo: a shop in two builds, each under the same failures, and which mistake was found by which of them.

seeded.py has the failures, the mistakes of the fragile build and where each is to show; run.py runs `brownout verify`
on a build; page.py prints, play.py plays. The shop itself is examples/shop.
"""
