"""Which journey survives which failure: `brownout verify`.

engine          the phases: healthy runs, plan, cells, findings
lane, stage     a command that is under way with its proxies; the tests that it runs for us
watch           what happens in a run, and when faults are armed
plan            which failures meet which journey
failures        the failures there are, as faults
oracle          what became of a cell
findings        cells of one cause, and how to repeat them
timeline        what a journey asked of what failed, and when
baseline        what got worse than in an earlier run
history         the runs that were kept, and how cells fared in them
resumed         what holds of a run that ended before its time
document        all of it as data; `writers/` makes tables, JUnit, Markdown and metrics of that
"""
