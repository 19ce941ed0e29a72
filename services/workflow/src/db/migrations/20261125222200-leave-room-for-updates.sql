-- Each move of a run writes its row and those of its tasks anew: with room on the page, without touching an index.
alter table workflow_instances set (fillfactor = 70);
alter table tasks set (fillfactor = 80);
