"""The module in the Slicer application: inputs, measuring, correcting, showing and keeping, over the rooms below.

Written in Slicer, so in Slicer's style (camelCase) and with ``slicer`` imported at the top. Everything but ``widget``
and ``panels`` works without Qt; what comes from outside (process launcher, scheduler, installer) is passed in.
"""
