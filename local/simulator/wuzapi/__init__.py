"""WuzAPI as the simulator plays it: its paths and errors (api, rules), its sessions' settings (sessions), and the
bodies it posts (bodies, messages).
"""
