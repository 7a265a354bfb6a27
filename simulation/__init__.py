"""A simulation that tries everything: the service, its workers, disk and network in a box.

One seed decides what clients ask, in which order, what is delayed, doubled or lost, when the disk
is full, when a worker or the whole machine dies, and how the clocks of the workers differ. The
service is the real one, with its log on a real file of SQLite; time goes as fast as the CPU. After
each step it is checked that nothing acknowledged is lost, nothing refused has happened, no GPU and
no disk is sold twice, money is conserved, hosts are paid what is due, each refusal and each page is
right, and nobody is told anything twice or never; at the end, that every answer is explained by one
order of the commands, and that nothing else has happened.

    python -m simulation --minutes 2
    python -m simulation --seed 17

The same seed gives the same events: a seed that fails is one line to repeat.
"""
