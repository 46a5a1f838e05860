"""The preview's pages about what became of the issues: figures as pictures, and what comes next.

home.py is the head of the start page, overview.py the page of all campaigns, campaign.py the results of one issue;
opened.py opens the database for them, shown.py has what the templates show, figure_watch.py tells open pages when
figures change, and live_part.py gives them what is new.

Belongs here: requests and answers about figures. Does not: counting (newsletter/figures), how a chart is drawn
(templates/preview/static/charts.js).
"""
